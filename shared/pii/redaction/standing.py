"""How a needle found among the squeezed letters stands in the text: boundaries and gaps.

Squeezing forgets what lay between the letters, so here it is looked at again: "the a" holds
the letters of Thea, and 1004352 those of 004352. Every check looks at a constant number of
bytes around the find, or once at each letter of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.model import Kind
from shared.pii.redaction.needle import VIN_TAIL, Needle, Shape

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded

type Span = tuple[int, int]

_WIDE_GAP: Final = 8  # blanks in a form's columns
_GAP: Final = 4  # "(555) - 123"
_CERTAIN: Final = 12  # so many letters stand by chance nowhere: no boundary asked
_LEAD: Final = 16
_BLANKS: Final = b" \t\r\n\x0b\x0c"
_SUFFIX_S: Final = ord("s")
_UNSPACED_FROM: Final = 0xE2  # lead byte from which scripts write words without blanks

# Six digits before a measure are mileage or money, whatever else they happen to be.
_MEASURE: Final = re.compile(rb" ?(?:miles?|mi|kms?|kilometers?|kilometres?|eur|euro|usd)\b")
_PHONE_LEAD: Final = re.compile(
    rb"(?:(?:(?<![0-9a-z])(?:00|011)|\+) ?[0-9]{1,3}|(?<![0-9])[0-9]{1,3})?"
    rb"[ ().\-/]{0,3}(?:\(0\) ?|0)?\(?$"
)


def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57  # noqa: PLR2004 - '0'..'9'


def _is_letter(byte: int) -> bool:
    return 97 <= byte <= 122 or byte >= 128  # noqa: PLR2004 - 'a'..'z', other scripts


def _joins(inner: int, outer: int) -> bool:
    """Whether a neighbour belongs to the same word or number as the edge of the find."""
    if _is_digit(inner):
        return _is_digit(outer)
    if inner >= 128:  # noqa: PLR2004 - another script
        return outer >= 128 and inner < _UNSPACED_FROM  # noqa: PLR2004
    return 97 <= outer <= 122  # noqa: PLR2004 - 'a'..'z'


def standing(needle: Needle, folded: Folded, first: int) -> Span | None:
    """Return the stretch to replace for the letters found at `first`, or None: mere chance."""
    match needle.shape:
        case Shape.WORDS:
            return _words(needle, folded, first)
        case Shape.PHONE:
            return _phone(needle, folded, first)
        case Shape.VIN:
            return _vin(needle, folded, first)
        case Shape.DOTTED:
            return _dotted(needle, folded, first)
        case Shape.NUMBER | Shape.CODE:
            return _plain(needle, folded, first)


def _bounds(needle: Needle, folded: Folded, first: int) -> Span:
    positions = folded.positions
    return positions[first], positions[first + len(needle.letters) - 1] + 1


def _gaps_within(folded: Folded, first: int, length: int, widest: int) -> bool:
    positions = folded.positions
    if positions[first + length - 1] - positions[first] == length - 1:
        return True
    return all(
        positions[index + 1] - positions[index] <= widest + 1
        for index in range(first, first + length - 1)
    )


def _words(needle: Needle, folded: Folded, first: int) -> Span | None:
    start, end = _bounds(needle, folded, first)
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
    if start == 0 or not _joins(folded.lower[start], folded.lower[start - 1]):
        return True
    # "JohnSmith": a capital behind a small letter starts a word.
    before, at = folded.cased[start - 1], folded.cased[start]
    return _is_letter(before) and at < 97 and not _is_digit(at)  # noqa: PLR2004 - 'a'


def _ends_word(folded: Folded, end: int) -> bool:
    if end == len(folded.lower) or not _joins(folded.lower[end - 1], folded.lower[end]):
        return True
    last, after = folded.cased[end - 1], folded.cased[end]
    return _is_letter(last) and after < 97 and not _is_digit(after)  # noqa: PLR2004 - 'a'


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
    stripped = gap.strip(_BLANKS)
    if stripped == gap:
        return len(gap) <= 2 and b"/" not in gap  # noqa: PLR2004 - a mark or two
    return stripped == b"-" and gap.startswith(b"-") and b"\n" in gap


def _plain(needle: Needle, folded: Folded, first: int) -> Span | None:
    start, end = _bounds(needle, folded, first)
    if not _gaps_within(folded, first, len(needle.letters), _GAP):
        return None
    lower = folded.lower
    if not needle.glued and not all(_apart(folded, first + index) for index in needle.breaks):
        return None
    beside = (
        start > 0 and _touches(needle, lower[start - 1]),
        end < len(lower) and _touches(needle, lower[end]),
    )
    if any(beside):
        if needle.shape is Shape.NUMBER or len(needle.letters) < _CERTAIN:
            return None
        return _grown(folded, start, end)
    return start, end


def _apart(folded: Folded, index: int) -> bool:
    """Whether something stands between this letter and the one before."""
    return folded.positions[index] - folded.positions[index - 1] > 1


def _touches(needle: Needle, neighbour: int) -> bool:
    return _is_digit(neighbour) or (needle.shape is Shape.CODE and _is_letter(neighbour))


def _grown(folded: Folded, start: int, end: int) -> Span:
    """Take in the rest of the word on both sides, as far as a word goes."""
    lower = folded.lower
    low, high = max(0, start - _LEAD), min(len(lower), end + _LEAD)
    while start > low and (_is_letter(lower[start - 1]) or _is_digit(lower[start - 1])):
        start -= 1
    while end < high and (_is_letter(lower[end]) or _is_digit(lower[end])):
        end += 1
    # Other scripts: never start or end within a character.
    while start > 0 and lower[start] & 0xC0 == 0x80:  # noqa: PLR2004 - a continuation byte
        start -= 1
    while end < len(lower) and lower[end] & 0xC0 == 0x80:  # noqa: PLR2004
        end += 1
    return start, end


def _dotted(needle: Needle, folded: Folded, first: int) -> Span | None:
    start, end = _bounds(needle, folded, first)
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


def _phone(needle: Needle, folded: Folded, first: int) -> Span | None:
    start, end = _bounds(needle, folded, first)
    lower = folded.lower
    if end < len(lower) and _is_digit(lower[end]):
        return None
    if not _gaps_within(folded, first, len(needle.letters), _GAP):
        return None
    before = lower[max(0, start - _LEAD) : start]
    lead = _PHONE_LEAD.search(before)
    if lead is None:
        return None if before[-1:].isdigit() else (start, end)
    digits = bytes(byte for byte in lead.group() if _is_digit(byte))
    code = needle.whole
    own = {b"0", code, code + b"0", b"00" + code, b"00" + code + b"0", b"011" + code, b"1"}
    if digits in own or not digits:
        return start - len(lead.group().lstrip(_BLANKS + b").-/,")), end
    return None if before[-1:].isdigit() else (start, end)


def _vin(needle: Needle, folded: Folded, first: int) -> Span | None:
    """Part of a VIN: the serial number that ends it, or more of it than tells the model."""
    first, last = _vin_stretch(needle, folded, first)
    length = last - first
    if not _gaps_within(folded, first, length, _GAP):
        return None
    start, end = folded.positions[first], folded.positions[last - 1] + 1
    if length >= _CERTAIN:
        return _grown(folded, start, end)
    lower = folded.lower
    if _solid(lower[end : end + 1]) or (length == VIN_TAIL and _MEASURE.match(lower, end)):
        return None
    while start > 0 and end - start < 2 * _LEAD and lower[start - 1] in b"x*":
        start -= 1  # the rest masked by hand: "xxxxx004352"
    return None if _solid(lower[max(0, start - 1) : start]) else (start, end)


def _vin_stretch(needle: Needle, folded: Folded, first: int) -> Span:
    """Grow from the tail to the left, or from the head to the right, as far as the VIN goes."""
    vin, squeezed = needle.whole, folded.squeezed
    last = first + len(needle.letters)
    if needle.letters == vin[-VIN_TAIL:]:
        while (
            first > 0
            and last - first < len(vin)
            and squeezed[first - 1] == vin[first - last - 1]
            and _gaps_within(folded, first - 1, 2, _GAP)
        ):
            first -= 1
    else:
        while (
            last < len(squeezed)
            and last - first < len(vin)
            and squeezed[last] == vin[last - first]
            and _gaps_within(folded, last - 1, 2, _GAP)
        ):
            last += 1
    return first, last


def _solid(byte: bytes) -> bool:
    return byte != b"" and (_is_letter(byte[0]) or _is_digit(byte[0]))
