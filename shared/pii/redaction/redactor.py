"""The redactor: find, replace, look again with the same eyes, and only then let text go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

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
from shared.pii.redaction.pages import Page, plain_page, unescaped_page
from shared.pii.redaction.people import PEOPLE
from shared.pii.redaction.phones import PHONES
from shared.pii.redaction.places import PLACES
from shared.pii.redaction.scanning import Recogniser, Recognisers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.pii.redaction.folding import Folded
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
        names = list(texts)
        clean = list(texts.values())
        counts: list[dict[Kind, int]] = [{} for _ in names]
        fields: Sequence[int] = range(len(names))
        for _ in range(_LOOKS):
            # Only what was replaced can look different now.
            fields = self._look(fields, clean, counts, matcher)
            if not fields:
                return {
                    name: minted(text, count)
                    for name, text, count in zip(names, clean, counts, strict=True)
                }
        for field in fields:
            finds = [find for page in _pages([field], clean) for find in self._finds(page, matcher)]
            if finds:
                raise LeakFound(names[field], sorted({_code(found) for found in finds}))
        return {
            name: minted(text, count)
            for name, text, count in zip(names, clean, counts, strict=True)
        }

    def _look(
        self,
        fields: Sequence[int],
        clean: list[str],
        counts: list[dict[Kind, int]],
        matcher: KnownMatcher,
    ) -> list[int]:
        """Look at these fields and replace what is found; return the fields that changed."""
        changed: set[int] = set()
        for page in _pages(fields, clean):
            if finds := self._finds(page, matcher):
                changed |= self._replace(page, finds, clean, counts)
        return sorted(changed)

    def _replace(
        self,
        page: Page,
        finds: list[Found],
        clean: list[str],
        counts: list[dict[Kind, int]],
    ) -> set[int]:
        pieces: dict[int, list[str]] = {}
        done: dict[int, int] = {}
        for found in settled(page.folded, finds):
            field, start, end = page.stretch(found)
            text = clean[field]
            placeholder = self._placeholders(found.kind, found.normal)
            pieces.setdefault(field, []).extend((text[done.get(field, 0) : start], placeholder))
            done[field] = end
            counts[field][found.kind] = counts[field].get(found.kind, 0) + 1
        for field, written in pieces.items():
            written.append(clean[field][done[field] :])
            clean[field] = "".join(written)
        return set(pieces)

    def _finds(self, page: Page, matcher: KnownMatcher) -> list[Found]:
        return matcher.find(page.folded) + self._recognisers.find(page.folded)


def _pages(fields: Sequence[int], texts: Sequence[str]) -> Iterator[Page]:
    """Read without escapes, where there are any; then, with what that replaced, as it is."""
    unescaped = unescaped_page(fields, texts)
    if unescaped is not None:
        yield unescaped
    yield plain_page(fields, texts)


def _code(found: Found) -> LeakCode:
    return LeakCode.PATTERN if found.rank == RANK_PATTERN else LeakCode.SEMANTIC


def settled(folded: Folded, finds: list[Found]) -> list[Found]:
    """Make overlapping finds one, so that no end of any stays behind, and join split names."""
    settled: list[Found] = []
    for found in sorted(finds, key=_outermost):
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


def _outermost(found: Found) -> tuple[int, int]:
    return found.start, -found.end


def _united(one: Found, other: Found) -> Found:
    if one.rank == RANK_WHOLE and one.kind is other.kind and other.end <= one.end:
        return one  # sorted by start, so `one` holds all of `other`
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
    texts = [text for _, text in fields]
    matcher = KnownMatcher.of(known)
    found_in = {
        (page.stretch(found)[0], found.kind)
        for page in _pages(range(len(texts)), texts)
        for found in matcher.find(page.folded)
        if found.strong
    }
    return [
        Leak(fields[index][0], LeakCode.DETERMINISTIC, kind) for index, kind in sorted(found_in)
    ]
