"""Finds the values just vaulted for a record, in any spelling, in one pass per text.

An Aho-Corasick automaton over the squeezed needles is built once per record and run over the
squeezed text; `standing` then judges each find and `context` the weak ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final, overload

import ahocorasick

from shared.pii.redaction.context import confirmed
from shared.pii.redaction.edges import Span
from shared.pii.redaction.folding import Folded
from shared.pii.redaction.model import RANK_WHOLE, Found, Kind, KnownValue
from shared.pii.redaction.needle import Needle, Shape
from shared.pii.redaction.needles import needles_of
from shared.pii.redaction.standing import standing, within_word

_AFTER_STREET: Final = re.compile(
    rb"(?:[ .,]{0,2}(?:street|str|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|circle|cir|place"
    rb"|pl|boulevard|blvd|terrace|ter|trail|trl|way|parkway|pkwy)\b\.?)?"
    rb"\.?(?:[ ,]{1,2}(?:apt|apartment|unit|suite|ste|whg)\.?[ #]{0,2}[a-z0-9-]{1,5}\b"
    rb"|[ ,]{1,2}#[ ]?[a-z0-9-]{1,5}\b)?"
)
_LAST: Final = itemgetter(0)


class KnownMatcher(Sequence[KnownValue]):
    """The known values of one record, compiled; stands wherever a sequence of them may.

    Compiling costs about half of what a record costs, so whoever redacts a record and also
    checks its deterministic fields compiles once and gives this to both.
    """

    __slots__ = ("_automaton", "_known")

    def __init__(self, known: Sequence[KnownValue]) -> None:
        self._known = tuple(known)
        self._automaton = None
        if needles := needles_of(self._known):
            self._automaton = ahocorasick.Automaton()
            for letters, peers in needles.items():
                # Bytes as Latin-1 text: the automaton takes one character per byte.
                self._automaton.add_word(letters.decode("latin-1"), peers)
            self._automaton.make_automaton()

    @classmethod
    def of(cls, known: Sequence[KnownValue]) -> KnownMatcher:
        """Compile what is not compiled yet."""
        return known if isinstance(known, cls) else cls(known)

    @overload
    def __getitem__(self, index: int) -> KnownValue: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[KnownValue]: ...
    def __getitem__(self, index: int | slice) -> KnownValue | Sequence[KnownValue]:
        return self._known[index]

    def __len__(self) -> int:
        return len(self._known)

    def find(self, folded: Folded) -> list[Found]:
        """Every strong value, and the weak ones whose context says what they are."""
        strong: list[Found] = []
        weak: list[Found] = []
        for needle, span in self._standing(folded):
            (strong if needle.strong else weak).append(_found(needle, folded, span))
        if self._any_typed(folded):
            strong.extend(self._typed(folded))
        return strong + confirmed(folded, weak, strong) if weak else strong

    def _any_typed(self, folded: Folded) -> bool:
        """Whether any letters to look for stand in what was typed as a placeholder: never."""
        if self._automaton is None or not folded.typed:
            return False
        suffixes = b"\x01".join([suffix for _, _, suffix in folded.typed])
        return next(self._automaton.iter(suffixes.decode("latin-1")), None) is not None

    def _typed(self, folded: Folded) -> Iterator[Found]:
        for start, end, suffix in folded.typed:
            typed = Folded(suffix.decode())
            for needle, span in self._standing(typed):
                if needle.strong and span == (0, len(suffix)):
                    yield Found(start, end, needle.kind, needle.normal, needle.rank)

    def _standing(self, folded: Folded) -> Iterator[tuple[Needle, Span]]:
        if self._automaton is None:
            return
        hits = list(self._automaton.iter(folded.squeezed.decode("latin-1")))
        if not hits:
            return
        # From the end and the longest first (as the automaton has it): so a whole value comes
        # before its parts, which then say nothing new.
        hits.sort(key=_LAST, reverse=True)
        positions = folded.positions
        whole, low, high = None, 0, 0
        for last, needles in hits:
            for needle in needles:
                first = last + 1 - len(needle.letters)
                if (
                    whole is not None
                    and needle.strong
                    and needle.normal == whole.normal
                    and needle.kind is whole.kind
                    and low <= positions[first]
                    and positions[last] < high
                ):
                    continue
                if needle.shape is Shape.WORDS and within_word(folded, positions[first]):
                    continue
                span = standing(needle, folded, first)
                if span is not None:
                    if needle.rank == RANK_WHOLE and needle.strong:
                        whole, (low, high) = needle, span
                    yield needle, span


def _found(needle: Needle, folded: Folded, span: tuple[int, int]) -> Found:
    start, end = span
    if needle.kind is Kind.STREET:
        rest = _AFTER_STREET.match(folded.lower, end)
        end = rest.end() if rest else end
    return Found(start, end, needle.kind, needle.normal, needle.rank, needle.strong)
