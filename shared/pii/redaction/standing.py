"""How a needle found among the squeezed letters stands in the text: boundaries and gaps.

Squeezing forgets what lay between the letters, so here it is looked at again: "the a" holds
the letters of Thea, and 1004352 those of 004352. Every check looks at a constant number of
bytes around the find, or once at each letter of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.pii.redaction.edges import (
    BLANKS,
    CERTAIN,
    GAP,
    Span,
    bounds,
    gaps_within,
    grown,
    is_digit,
    is_letter,
    joins,
)
from shared.pii.redaction.growth import grown_phone, grown_vin
from shared.pii.redaction.model import Kind
from shared.pii.redaction.needle import Needle, Shape

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded


_WIDE_GAP: Final = 8  # blanks in a form's columns
_SUFFIX_S: Final = ord("s")


def standing(needle: Needle, folded: Folded, first: int) -> Span | None:
    """Return the stretch to replace for the letters found at `first`, or None: mere chance."""
    match needle.shape:
        case Shape.WORDS:
            return _words(needle, folded, first)
        case Shape.PHONE:
            return grown_phone(needle, folded, first)
        case Shape.VIN:
            return grown_vin(needle, folded, first)
        case Shape.DOTTED:
            return _dotted(needle, folded, first)
        case Shape.NUMBER | Shape.CODE:
            return _plain(needle, folded, first)


def within_word(folded: Folded, start: int) -> bool:
    """Whether small letters stand here and before: what most chance finds come down to."""
    return (
        start > 0
        and 97 <= folded.cased[start] <= 122  # noqa: PLR2004 - 'a'..'z'
        and 97 <= folded.lower[start - 1] <= 122  # noqa: PLR2004
    )


def _words(needle: Needle, folded: Folded, first: int) -> Span | None:
    start, end = bounds(needle, folded, first)
    if not _starts_word(folded, start):
        return None
    if not _ends_word(folded, end) and not (
        needle.kind is Kind.PERSON and _ends_with_s(folded, end)
    ):
        return None
    if end - start == len(needle.letters):
        return (start, end) if needle.glued or not needle.breaks else None
    if not _word_gaps(needle, folded, first):
        return None
    return start, end


def _starts_word(folded: Folded, start: int) -> bool:
    if start == 0 or not joins(folded.lower[start], folded.lower[start - 1]):
        return True
    # "JohnSmith": a capital behind a small letter starts a word.
    before, at = folded.cased[start - 1], folded.cased[start]
    return is_letter(before) and at < 97 and not is_digit(at)  # noqa: PLR2004 - 'a'


def _ends_word(folded: Folded, end: int) -> bool:
    lower, edge = folded.lower, end - 1
    while lower[edge] & 0xC0 == 0x80:  # noqa: PLR2004 - back to where the last letter starts
        edge -= 1
    if end == len(lower) or not joins(lower[edge], lower[end]):
        return True
    last, after = folded.cased[end - 1], folded.cased[end]
    return is_letter(last) and after < 97 and not is_digit(after)  # noqa: PLR2004 - 'a'


def _ends_with_s(folded: Folded, end: int) -> bool:
    """German genitive and English plural: "Hansens Auto", "the Hansens"."""
    return folded.lower[end] == _SUFFIX_S and _ends_word(folded, end + 1)


def _word_gaps(needle: Needle, folded: Folded, first: int) -> bool:
    positions, lower = folded.positions, folded.lower
    inner: list[bytes] = []
    gaps = 0
    for index in range(1, len(needle.letters)):
        gap = lower[positions[first + index - 1] + 1 : positions[first + index]]
        if not gap:
            if not needle.glued and index in needle.breaks:
                return False
            continue
        gaps += 1
        if len(gap) > _WIDE_GAP or b"\x01" in gap:
            return False
        if index not in needle.breaks:
            inner.append(gap)
    if not inner or gaps == len(needle.letters) - 1:  # at its own breaks, or s p a c e d
        return True
    return all(_is_inner(gap) for gap in inner)


def _is_inner(gap: bytes) -> bool:
    """Punctuation within a name ("o'brien"), or a hyphen at a line's end."""
    stripped = gap.strip(BLANKS)
    if stripped == gap:
        return len(gap) <= 2 and b"/" not in gap  # noqa: PLR2004 - a mark or two
    return stripped == b"-" and gap.startswith(b"-") and b"\n" in gap


def _plain(needle: Needle, folded: Folded, first: int) -> Span | None:
    start, end = bounds(needle, folded, first)
    if not gaps_within(folded, first, len(needle.letters), GAP):
        return None
    lower = folded.lower
    if not needle.glued and not all(_apart(folded, first + index) for index in needle.breaks):
        return None
    beside = (
        start > 0 and _touches(needle, lower[start - 1]),
        end < len(lower) and _touches(needle, lower[end]),
    )
    if any(beside):
        if needle.shape is Shape.NUMBER or len(needle.letters) < CERTAIN:
            return None
        return grown(folded, start, end)
    return start, end


def _apart(folded: Folded, index: int) -> bool:
    """Whether something stands between this letter and the one before."""
    return folded.positions[index] - folded.positions[index - 1] > 1


def _touches(needle: Needle, neighbour: int) -> bool:
    return is_digit(neighbour) or (needle.shape is Shape.CODE and is_letter(neighbour))


def _dotted(needle: Needle, folded: Folded, first: int) -> Span | None:
    start, end = bounds(needle, folded, first)
    positions, lower = folded.positions, folded.lower
    marks = b".:- " if needle.kind is Kind.PHONE else b".:-"
    for index in range(1, len(needle.letters)):
        gap = lower[positions[first + index - 1] + 1 : positions[first + index]]
        if (index in needle.breaks) != bool(gap) or len(gap) > 1 or gap not in marks:
            return None
    before, after = lower[max(0, start - 1) : start], lower[end : end + 1]
    if before.isalnum() or after.isalnum():
        return None
    return start, end
