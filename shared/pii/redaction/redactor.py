"""The redactor: find, replace, look again with the same eyes, and only then let text go."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.folding import FIELD_BREAK, Folded
from shared.pii.redaction.known import KnownMatcher
from shared.pii.redaction.model import (
    RANK_PATTERN,
    RANK_WHOLE,
    Found,
    Kind,
    Leak,
    LeakCode,
    LeakFound,
    minted,
)
from shared.pii.redaction.numbers import NUMBERS
from shared.pii.redaction.people import PEOPLE
from shared.pii.redaction.phones import PHONES
from shared.pii.redaction.places import PLACES
from shared.pii.redaction.scanning import Recogniser, Recognisers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.pii.redaction.model import KnownValue, Placeholders, RedactedText

DEFAULT: Final = (*NUMBERS, *PHONES, *PLACES, *PEOPLE)

# A replacement changes what stands beside what, and may uncover a find that overlapped another;
# a text that is not clean after this many looks will not become so.
_LOOKS: Final = 5
_BETWEEN_NAMES: Final = re.compile(rb"[ \t]{0,3}(?:[a-z]\.?[ ]|[.'-])?")


class PatternRedactor:
    """Replaces the record's own values and whatever a validated recogniser accepts."""

    __slots__ = ("_placeholders", "_recognisers")

    def __init__(
        self, placeholders: Placeholders, recognisers: Sequence[Recogniser] = DEFAULT
    ) -> None:
        self._placeholders = placeholders
        self._recognisers = Recognisers(recognisers)

    def redact(
        self, texts: Mapping[str, str], known: Sequence[KnownValue]
    ) -> Mapping[str, RedactedText]:
        """Redact every field, or raise LeakFound for the first that cannot be cleared.

        1. Replace known values and recognised patterns.
        2. Look again at what was written, with the same matchers.
        3. Replace what only now came to light, a few times at most; then refuse.
        """
        matcher = KnownMatcher.of(known)
        clean = dict(texts)
        replaced: dict[str, Counter[Kind]] = {name: Counter() for name in texts}
        names = list(texts)
        for _ in range(_LOOKS):
            # Only what was replaced can look different now.
            names = self._look(names, clean, replaced, matcher)
            if not names:
                return {name: minted(text, replaced[name]) for name, text in clean.items()}
        for name in names:
            if remaining := self._finds(Folded(clean[name]), matcher):
                raise LeakFound(name, sorted({_code(found) for found in remaining}))
        return {name: minted(text, replaced[name]) for name, text in clean.items()}

    def _look(
        self,
        names: list[str],
        clean: dict[str, str],
        replaced: Mapping[str, Counter[Kind]],
        matcher: KnownMatcher,
    ) -> list[str]:
        """Look at these fields and replace what is found; return the fields that changed."""
        page, starts = _page([clean[name] for name in names])
        finds = self._finds(page, matcher)
        if not finds:
            return []
        pieces: list[list[str]] = [[] for _ in names]
        ends = list(starts)  # how far each field is written
        for found in settled(page, finds):
            start, end = page.original(found.start, found.end)
            field = bisect_right(starts, start) - 1
            placeholder = self._placeholders(found.kind, found.normal)
            pieces[field] += (page.text[ends[field] : start], placeholder)
            replaced[names[field]][found.kind] += 1
            ends[field] = end
        for name, start, end, new in zip(names, starts, ends, pieces, strict=True):
            if new:
                new.append(clean[name][end - start :])
                clean[name] = "".join(new)
        return [name for name, new in zip(names, pieces, strict=True) if new]

    def _finds(self, folded: Folded, matcher: KnownMatcher) -> list[Found]:
        return matcher.find(folded) + self._recognisers.find(folded)


def _page(texts: Sequence[str]) -> tuple[Folded, list[int]]:
    """One text of all fields, and where each starts: to look once is what costs.

    Whatever a matcher crosses or looks at beside a find is narrower than the break between two.
    """
    starts = list(accumulate((len(text) + len(FIELD_BREAK) for text in texts[:-1]), initial=0))
    return Folded(FIELD_BREAK.join(texts)), starts


def _code(found: Found) -> LeakCode:
    return LeakCode.PATTERN if found.rank == RANK_PATTERN else LeakCode.SEMANTIC


def settled(folded: Folded, finds: list[Found]) -> list[Found]:
    """Make overlapping finds one, so that no end of any stays behind, and join split names."""
    settled: list[Found] = []
    for found in sorted(finds, key=lambda found: (found.start, -found.end)):
        if settled and found.start < settled[-1].end:
            settled[-1] = _united(settled[-1], found)
        elif settled and _same_person(folded, settled[-1], found):
            last = settled[-1]
            normal = last.normal
            if normal != found.normal:
                normal = f"{normal} {found.normal}"
            settled[-1] = Found(last.start, found.end, Kind.PERSON, normal, last.rank)
        else:
            settled.append(found)
    return settled


def _united(one: Found, other: Found) -> Found:
    if one.kind is other.kind:
        # A known value as a whole names the find; a part of one only if nothing longer does.
        first = max(
            one,
            other,
            key=lambda f: (f.rank == RANK_WHOLE, f.end - f.start, f.rank != RANK_PATTERN),
        )
    else:
        first = max(one, other, key=lambda f: (f.end - f.start, f.rank))
    start, end = min(one.start, other.start), max(one.end, other.end)
    return Found(start, end, first.kind, first.normal, first.rank)


def _same_person(folded: Folded, left: Found, right: Found) -> bool:
    """First and last name, found one by one, with at most an initial between them."""
    if left.kind is not Kind.PERSON or right.kind is not Kind.PERSON:
        return False
    if RANK_PATTERN in (left.rank, right.rank):
        return False
    return _BETWEEN_NAMES.fullmatch(folded.lower[left.end : right.start]) is not None


def deterministic_leaks(
    values: Iterable[tuple[str, str]], known: Sequence[KnownValue]
) -> list[Leak]:
    """Strong vaulted values inside deterministic fields, given as (pointer, text)."""
    fields = list(values)
    folded, starts = _page([text for _, text in fields])
    found_in = {
        (bisect_right(starts, folded.original(found.start, found.end)[0]) - 1, found.kind)
        for found in KnownMatcher.of(known).find(folded)
        if found.strong
    }
    return [
        Leak(fields[index][0], LeakCode.DETERMINISTIC, kind) for index, kind in sorted(found_in)
    ]
