"""What stands beside and between the letters of a find: neighbours, gaps, the rest of a word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.folding import IS_SOLID

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded

type Span = tuple[int, int]

GAP: Final = 4  # "(555) - 123"
CERTAIN: Final = 12  # so many letters stand by chance nowhere: no boundary asked
LEAD: Final = 16  # how far to look beside a find
BLANKS: Final = b" \t\r\n\x0b\x0c"
_UNSPACED_FROM: Final = 0xE3  # lead byte from which scripts write words without blanks
_SEPARATOR: Final = rb"[\x00-/:-@\[-`{-\x7f]"
GAPS: Final = re.compile(_SEPARATOR + rb"+")
_WIDER: Final = re.compile(_SEPARATOR + rb"{%d}" % (GAP + 1))


def is_digit(byte: int) -> bool:
    return 48 <= byte <= 57  # noqa: PLR2004 - '0'..'9'


def is_letter(byte: int) -> bool:
    return 97 <= byte <= 122 or byte >= 128  # noqa: PLR2004 - 'a'..'z', other scripts


def joins(inner: int, outer: int) -> bool:
    """Whether a neighbour belongs to the same word or number as the edge of the find."""
    if is_digit(inner):
        return is_digit(outer)
    if inner >= 128:  # noqa: PLR2004 - another script
        return outer >= 128 and inner < _UNSPACED_FROM  # noqa: PLR2004
    return 97 <= outer <= 122  # noqa: PLR2004 - 'a'..'z'


def is_loose(lower: bytes, start: int, end: int, letters: int) -> bool:
    """Whether these letters, written from start to end, have a gap too wide to be one value."""
    return end - start > letters + GAP and _WIDER.search(lower, start, end) is not None


def grown(folded: Folded, start: int, end: int) -> Span:
    """Take in the rest of the word on both sides, as far as a word goes."""
    lower = folded.lower
    low, high = max(0, start - LEAD), min(len(lower), end + LEAD)
    while start > low and IS_SOLID[lower[start - 1]]:
        start -= 1
    while end < high and IS_SOLID[lower[end]]:
        end += 1
    # Other scripts: never start or end within a character.
    while start > 0 and lower[start] & 0xC0 == 0x80:  # noqa: PLR2004 - a continuation byte
        start -= 1
    while end < len(lower) and lower[end] & 0xC0 == 0x80:  # noqa: PLR2004
        end += 1
    return start, end
