"""What stands beside and between the letters of a find: neighbours, gaps, the rest of a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.pii.redaction.needle import Needle

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded

type Span = tuple[int, int]

GAP: Final = 4  # "(555) - 123"
CERTAIN: Final = 12  # so many letters stand by chance nowhere: no boundary asked
LEAD: Final = 16  # how far to look beside a find
BLANKS: Final = b" \t\r\n\x0b\x0c"
_UNSPACED_FROM: Final = 0xE3  # lead byte from which scripts write words without blanks


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


def bounds(needle: Needle, folded: Folded, first: int) -> Span:
    positions = folded.positions
    return positions[first], positions[first + len(needle.letters) - 1] + 1


def gaps_within(folded: Folded, first: int, length: int, widest: int) -> bool:
    positions = folded.positions
    if positions[first + length - 1] - positions[first] == length - 1:
        return True
    return all(
        positions[index + 1] - positions[index] <= widest + 1
        for index in range(first, first + length - 1)
    )


def grown(folded: Folded, start: int, end: int) -> Span:
    """Take in the rest of the word on both sides, as far as a word goes."""
    lower = folded.lower
    low, high = max(0, start - LEAD), min(len(lower), end + LEAD)
    while start > low and (is_letter(lower[start - 1]) or is_digit(lower[start - 1])):
        start -= 1
    while end < high and (is_letter(lower[end]) or is_digit(lower[end])):
        end += 1
    # Other scripts: never start or end within a character.
    while start > 0 and lower[start] & 0xC0 == 0x80:  # noqa: PLR2004 - a continuation byte
        start -= 1
    while end < len(lower) and lower[end] & 0xC0 == 0x80:  # noqa: PLR2004
        end += 1
    return start, end
