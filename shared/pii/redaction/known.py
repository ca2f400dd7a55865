"""Finds the values just vaulted for a record, in any spelling.

The squeezed text is searched for each spelling that occurs in it at all: so few that a search for
each costs less than building one automaton for all of a record. `bytes.find` is linear in the
text, since it searches for long needles by two-way matching. `standing` then judges each hit and
`context` the weak ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, overload

from shared.pii.redaction.context import confirmed
from shared.pii.redaction.folding import Folded
from shared.pii.redaction.model import RANK_WHOLE, Found, Kind, KnownValue
from shared.pii.redaction.needle import Needle, Shape
from shared.pii.redaction.needles import needles_of, occurring, sources_of
from shared.pii.redaction.standing import standing

_AFTER_STREET: Final = re.compile(
    rb"(?:[ .,]{0,2}(?:street|str|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|circle|cir|place"
    rb"|pl|boulevard|blvd|terrace|ter|trail|trl|way|parkway|pkwy)\b\.?)?"
    rb"\.?(?:[ ,]{1,2}(?:apt|apartment|unit|suite|ste|whg)\.?[ #]{0,2}[a-z0-9-]{1,5}\b"
    rb"|[ ,]{1,2}#[ ]?[a-z0-9-]{1,5}\b)?"
)


_WORDS: Final = Shape.WORDS
_STREET: Final = Kind.STREET


class KnownMatcher(Sequence[KnownValue]):
    """The known values of one record; stands wherever a sequence of them may.

    Whoever redacts a record and also checks its deterministic fields makes one of it and gives
    it to both.
    """

    __slots__ = ("_known", "_sources")

    def __init__(self, known: Sequence[KnownValue]) -> None:
        self._known = tuple(known)
        self._sources = sources_of(self._known)

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
        needles = needles_of(self._sources, folded)
        strong, weak = _standing(needles, folded) if needles else ([], [])
        if folded.typed and self._any_typed(folded):
            strong.extend(self._typed(folded))
        return strong + confirmed(folded, weak, strong) if weak else strong

    def _any_typed(self, folded: Folded) -> bool:
        """Whether any letters to look for stand in what was typed as a placeholder: never."""
        suffixes = b"\x01".join([suffix for _, _, suffix in folded.typed])
        return any(
            needle.strong
            for source in occurring(self._sources, suffixes)
            for needle in source.needles(suffixes)
        )

    def _typed(self, folded: Folded) -> Iterator[Found]:
        for start, end, suffix in folded.typed:
            typed = Folded(suffix.decode())
            for found in _standing(needles_of(self._sources, typed), typed)[0]:
                if (found.start, found.end) == (0, len(suffix)):
                    yield found._replace(start=start, end=end)


def _standing(
    needles: Mapping[bytes, list[Needle]], folded: Folded
) -> tuple[list[Found], list[Found]]:
    """What stands in the text and is no mere chance: strong finds, and weak ones."""
    strong: list[Found] = []
    weak: list[Found] = []
    lower, cased, positions = folded.lower, folded.cased, folded.positions
    # The whole value found last, and where it stands: nothing yet.
    whole, named, low, high = None, "", len(lower), 0
    for last, length, peers in _hits(needles, folded.squeezed):
        first = last + 1 - length
        start, end = positions[first], positions[last] + 1
        # Most chance finds come down to this: small letters stand here and before.
        inside = start > 0 and 97 <= cased[start] <= 122 and 97 <= lower[start - 1] <= 122  # noqa: PLR2004 - 'a'..'z'
        for needle in peers:
            _, kind, normal, shape, is_strong, rank, _, _, _ = needle
            if inside and shape is _WORDS:
                continue
            if is_strong and low <= start and end <= high and normal == named and kind is whole:
                continue  # a part of it, which says nothing new
            span = standing(needle, folded, first, start, end)
            if span is None:
                continue
            found_start, found_end = span
            if kind is _STREET and (rest := _AFTER_STREET.match(lower, found_end)):
                found_end = rest.end()
            found = Found(found_start, found_end, kind, normal, rank, is_strong)
            if not is_strong:
                weak.append(found)
                continue
            strong.append(found)
            if rank == RANK_WHOLE:
                whole, named, (low, high) = kind, normal, span
    return strong, weak


def _hits(
    needles: Mapping[bytes, list[Needle]], squeezed: bytes
) -> list[tuple[int, int, list[Needle]]]:
    """Where these letters end and how many they are: from the end, and the longest first.

    So a whole value comes before its parts.
    """
    hits: list[tuple[int, int, list[Needle]]] = []
    for letters, peers in needles.items():
        length = len(letters)
        at = squeezed.find(letters)
        while at >= 0:
            hits.append((at + length - 1, length, peers))
            at = squeezed.find(letters, at + 1)
    hits.sort(reverse=True)  # no two end at one place with one length, so needles never compare
    return hits
