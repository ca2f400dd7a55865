"""How a needle found among the squeezed letters stands in the text: boundaries and gaps.

Squeezing forgets what lay between the letters, so here it is looked at again: "the a" holds
the letters of Thea, and 1004352 those of 004352. Every check looks at a constant number of
bytes around the find, or once at each byte of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.edges import (
    BLANKS,
    CERTAIN,
    GAPS,
    Span,
    grown,
    is_digit,
    is_letter,
    is_loose,
    joins,
)
from shared.pii.redaction.folding import IS_SOLID
from shared.pii.redaction.growth import grown_phone, grown_vin
from shared.pii.redaction.model import Kind
from shared.pii.redaction.needle import Needle, Shape

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded


_WIDE_GAP: Final = 8  # blanks in a form's columns
_SUFFIX_S: Final = ord("s")


def standing(needle: Needle, folded: Folded, first: int, start: int, end: int) -> Span | None:
    """Return the stretch to replace for letters that stand from start to end, or None: chance.

    They are those of the squeezed text from `first` on.
    """
    shape = needle.shape
    if shape is Shape.WORDS:
        return _words(needle, folded, start, end)
    if shape is Shape.PHONE:
        return grown_phone(needle, folded, start, end)
    if shape is Shape.VIN:
        return grown_vin(needle, folded, first)
    if shape is Shape.DOTTED:
        return _dotted(needle, folded, start, end)
    return _plain(needle, folded, start, end)


def _words(needle: Needle, folded: Folded, start: int, end: int) -> Span | None:
    lower = folded.lower
    if start and IS_SOLID[lower[start - 1]] and not _starts_word(folded, start):
        return None
    if end < len(lower) and IS_SOLID[lower[end]] and not _ends_word(folded, end):
        s_follows = needle.kind is Kind.PERSON and lower[end] == _SUFFIX_S
        # German genitive and English plural: "Hansens Auto", "the Hansens".
        if not s_follows or not _ends_word(folded, end + 1):
            return None
    if end - start == len(needle.letters):
        return (start, end) if needle.glued or not needle.breaks else None
    return (start, end) if _word_gaps(needle, lower, start, end) else None


def _starts_word(folded: Folded, start: int) -> bool:
    if not joins(folded.lower[start], folded.lower[start - 1]):
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


def _word_gaps(needle: Needle, lower: bytes, start: int, end: int) -> bool:
    length, breaks = len(needle.letters), needle.breaks
    inner: list[bytes] = []
    gaps = own = 0
    for found in GAPS.finditer(lower, start, end):
        gap = found.group()
        if gap != b" " and (len(gap) > _WIDE_GAP or b"\x01" in gap):
            return False
        index = found.start() - start
        start += len(gap)
        gaps += 1
        if index in breaks:
            own += 1
        else:
            inner.append(gap)
    if not needle.glued and own < sum(0 < index < length for index in breaks):
        return False
    if not inner or gaps == length - 1:  # at its own breaks, or s p a c e d
        return True
    return all(_is_inner(gap) for gap in inner)


def _is_inner(gap: bytes) -> bool:
    """Punctuation within a name ("o'brien"), or a hyphen at a line's end."""
    stripped = gap.strip(BLANKS)
    if stripped == gap:
        return len(gap) <= 2 and b"/" not in gap  # noqa: PLR2004 - a mark or two
    return stripped == b"-" and gap.startswith(b"-") and b"\n" in gap


def _plain(needle: Needle, folded: Folded, start: int, end: int) -> Span | None:
    lower, length = folded.lower, len(needle.letters)
    if is_loose(lower, start, end, length):
        return None
    if not needle.glued and not needle.breaks <= dict(_gaps(lower, start, end)).keys():
        return None
    if (start and _touches(needle, lower[start - 1])) or (
        end < len(lower) and _touches(needle, lower[end])
    ):
        if needle.shape is Shape.NUMBER or length < CERTAIN:
            return None
        return grown(folded, start, end)
    return start, end


def _touches(needle: Needle, neighbour: int) -> bool:
    return is_digit(neighbour) or (needle.shape is Shape.CODE and is_letter(neighbour))


def _dotted(needle: Needle, folded: Folded, start: int, end: int) -> Span | None:
    lower, length = folded.lower, len(needle.letters)
    before, after = lower[max(0, start - 1) : start], lower[end : end + 1]
    if before.isalnum() or after.isalnum():
        return None
    marks = b".:- " if needle.kind is Kind.PHONE else b".:-"
    gaps = dict(_gaps(lower, start, end))
    if gaps.keys() != {index for index in needle.breaks if 0 < index < length}:
        return None
    if any(len(gap) > 1 or gap not in marks for gap in gaps.values()):
        return None
    return start, end


def _gaps(lower: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """What stands between the letters, each with the index of the letter behind it."""
    for found in GAPS.finditer(lower, start, end):
        gap = found.group()
        yield found.start() - start, gap
        start += len(gap)
