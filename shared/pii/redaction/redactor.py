"""The redactor: find, replace, look again with the same eyes, and only then let text go."""

from __future__ import annotations

import re
from operator import itemgetter
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
from shared.pii.redaction.normal import normal_form
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
_START: Final = itemgetter(0)
_END: Final = itemgetter(1)

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
        counts: list[dict[Kind, int] | None] = [None] * len(names)
        fields: Sequence[int] = range(len(names))
        for _ in range(_LOOKS):
            # Only what was replaced can look different now.
            fields = self._look(fields, clean, counts, matcher)
            if not fields:
                break
        for field in fields:
            finds = [find for page in _pages([field], clean) for find in self._finds(page, matcher)]
            if finds:
                raise LeakFound(names[field], sorted({_code(found) for found in finds}))
        return dict(zip(names, map(minted, clean, counts), strict=True))

    def _look(
        self,
        fields: Sequence[int],
        clean: list[str],
        counts: list[dict[Kind, int] | None],
        matcher: KnownMatcher,
    ) -> list[int]:
        """Look at these fields and replace what is found; return the fields that changed."""
        changed: set[int] = set()
        for page in _pages(fields, clean):
            known = matcher.find(page.folded)
            finds = known + self._recognisers.find(page.folded, known)
            if finds:
                changed |= self._replace(page, finds, clean, counts)
        return sorted(changed)

    def _replace(
        self,
        page: Page,
        finds: list[Found],
        clean: list[str],
        counts: list[dict[Kind, int] | None],
    ) -> set[int]:
        """Write placeholders over what was found; return the fields this changed."""
        changed: set[int] = set()
        pieces: list[str] = []
        field, done, text = -1, 0, ""
        for found in settled(page.folded, finds):
            at, start, end = page.stretch(found)
            if at != field:
                if field >= 0:
                    pieces.append(text[done:])
                    clean[field] = "".join(pieces)
                field, done, text, pieces = at, 0, clean[at], []
                changed.add(at)
            kind = found.kind
            pieces += text[done:start], self._placeholders(kind, _normal(found))
            done = end
            count = counts[at]
            if count is None:
                count = counts[at] = {}
            count[kind] = count.get(kind, 0) + 1
        pieces.append(text[done:])
        clean[field] = "".join(pieces)
        return changed

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


def _normal(found: Found) -> str:
    normal = found.normal
    return normal if isinstance(normal, str) else normal_form(found.kind, normal)


def settled(folded: Folded, finds: list[Found]) -> list[Found]:
    """Make overlapping finds one, so that no end of any stays behind, and join split names."""
    # By their start, and the outermost first where two start together.
    finds.sort(key=_END, reverse=True)
    finds.sort(key=_START)
    last, *rest = finds
    settled = [last]
    for found in rest:
        if found.start < last.end:
            last = settled[-1] = _united(last, found)
        elif (
            found.kind is Kind.PERSON
            and last.kind is Kind.PERSON
            and _same_person(folded, last, found)
        ):
            normal, other = _normal(last), _normal(found)
            if normal != other:
                normal = f"{normal} {other}"
            last = settled[-1] = Found(last.start, found.end, Kind.PERSON, normal, last.rank)
        else:
            last = found
            settled.append(found)
    return settled


def _united(one: Found, other: Found) -> Found:
    if one.rank == RANK_WHOLE and other.rank != RANK_WHOLE and other.end <= one.end:
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
