"""Finds the values just vaulted for a record, in any spelling, in one pass per text.

An Aho-Corasick automaton over the squeezed needles is built once per record and run over the
squeezed text; `standing` then judges each find and `context` the weak ones.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import ahocorasick

from shared.pii.redaction.context import confirmed
from shared.pii.redaction.model import Found, Kind
from shared.pii.redaction.needle import Needle
from shared.pii.redaction.needles import needles_of
from shared.pii.redaction.standing import standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.pii.redaction.folding import Folded
    from shared.pii.redaction.model import KnownValue

_AFTER_STREET: Final = re.compile(
    rb"(?:[ .,]{0,2}(?:street|str|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|circle|cir|place"
    rb"|pl|boulevard|blvd|terrace|ter|trail|trl|way|parkway|pkwy)\b\.?)?"
    rb"\.?(?:[ ,]{1,2}(?:apt|apartment|unit|suite|ste|whg)\.?[ #]{0,2}[a-z0-9-]{1,5}\b"
    rb"|[ ,]{1,2}#[ ]?[a-z0-9-]{1,5}\b)?"
)


class KnownMatcher:
    """The known values of one record, compiled."""

    __slots__ = ("_automaton", "_exact")

    def __init__(self, known: Sequence[KnownValue]) -> None:
        self._exact = needles_of(known)
        self._automaton = None
        if self._exact:
            self._automaton = ahocorasick.Automaton()
            for letters, needles in self._exact.items():
                # Bytes as Latin-1 text: the automaton takes one character per byte.
                self._automaton.add_word(letters.decode("latin-1"), needles)
            self._automaton.make_automaton()

    def find(self, folded: Folded) -> list[Found]:
        """Every strong value, and the weak ones whose context says what they are."""
        if self._automaton is None:
            return []
        strong: list[Found] = []
        weak: list[Found] = []
        for last, needles in self._automaton.iter(folded.squeezed.decode("latin-1")):
            for needle in needles:
                span = standing(needle, folded, last + 1 - len(needle.letters))
                if span is not None:
                    (strong if needle.strong else weak).append(_found(needle, folded, span))
        for start, end, suffix in folded.typed:
            strong.extend(
                Found(start, end, needle.kind, needle.normal, needle.rank)
                for needle in self._exact.get(suffix, ())
                if needle.strong
            )
        return strong + confirmed(folded, weak, strong) if weak else strong


def _found(needle: Needle, folded: Folded, span: tuple[int, int]) -> Found:
    start, end = span
    if needle.kind is Kind.STREET:
        rest = _AFTER_STREET.match(folded.lower, end)
        end = rest.end() if rest else end
    return Found(start, end, needle.kind, needle.normal, needle.rank, needle.strong)
