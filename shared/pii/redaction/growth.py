"""Finds that grow beyond their letters: a phone takes its prefix in, a part of a VIN the rest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.edges import (
    BLANKS,
    CERTAIN,
    GAP,
    LEAD,
    Span,
    grown,
    is_digit,
    is_loose,
    joins,
)
from shared.pii.redaction.needle import VIN_TAIL, Needle

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded

# Six digits before a measure are mileage or money, whatever else they happen to be.
_MEASURE: Final = re.compile(rb" ?(?:miles?|mi|kms?|kilometers?|kilometres?|eur|euro|usd)\b")
_LEAD_MARKS: Final = b" ().-/"
_PHONE_LEAD: Final = re.compile(
    rb"(?:(?:(?<![0-9a-z])(?:00|011)|\+) ?[0-9]{1,3}|(?<![0-9])[0-9]{1,3})?"
    rb"[ ().\-/]{0,3}(?:\(0\) ?|0)?\(?$"
)


def grown_phone(needle: Needle, folded: Folded, start: int, end: int) -> Span | None:
    lower = folded.lower
    if end < len(lower) and is_digit(lower[end]):
        return None
    if is_loose(lower, start, end, len(needle.letters)):
        return None
    before = lower[max(0, start - LEAD) : start]
    marks = before[len(before.rstrip(_LEAD_MARKS)) :]
    if not before[: len(before) - len(marks)][-1:].isdigit():  # no prefix; perhaps a bracket
        taken = marks[-4:] if marks.endswith(b"(") else marks[-3:]
        return start - len(taken.lstrip(b" ).-/")), end
    lead = _PHONE_LEAD.search(before)
    if lead is None:
        return None if before[-1:].isdigit() else (start, end)
    digits = bytes(byte for byte in lead.group() if is_digit(byte))
    code = needle.whole
    own = {b"0", code, code + b"0", b"00" + code, b"00" + code + b"0", b"011" + code, b"1"}
    if digits in own or not digits:
        return start - len(lead.group().lstrip(BLANKS + b").-/,")), end
    return None if before[-1:].isdigit() else (start, end)


def grown_vin(needle: Needle, folded: Folded, first: int) -> Span | None:
    """Part of a VIN: the serial number that ends it, or more of it than tells the model."""
    first, last = _vin_stretch(needle, folded, first)
    length = last - first
    start, end = folded.positions[first], folded.positions[last - 1] + 1
    if is_loose(folded.lower, start, end, length):
        return None
    if length >= CERTAIN:
        return grown(folded, start, end)
    lower = folded.lower
    if end < len(lower) and joins(lower[end - 1], lower[end]):
        return None
    # Growing may have taken in the end of the word before ("data 004352"): give it back.
    while start > 0 and joins(lower[start], lower[start - 1]) and length > VIN_TAIL:
        first, length = first + 1, length - 1
        start = folded.positions[first]
    masked = start
    while masked > max(0, start - LEAD) and lower[masked - 1] in b"x*":
        masked -= 1  # the rest masked by hand: "xxxxx004352"
    if masked == start and start > 0 and joins(lower[start], lower[start - 1]):
        return None
    if length == VIN_TAIL and masked == start and _MEASURE.match(lower, end):
        return None
    return masked, end


def _vin_stretch(needle: Needle, folded: Folded, first: int) -> Span:
    """Grow from the tail to the left, or from the head to the right, as far as the VIN goes."""
    vin, squeezed, positions = needle.whole, folded.squeezed, folded.positions
    last = first + len(needle.letters)
    if needle.letters == vin[-VIN_TAIL:]:
        whole = last - len(vin)
        if (
            whole >= 0
            and squeezed[whole:last] == vin
            and positions[last - 1] - positions[whole] < len(vin) + GAP
        ):
            return whole, last  # all of it, as it mostly is, with no gap too wide
        while (
            first > 0
            and last - first < len(vin)
            and squeezed[first - 1] == vin[first - last - 1]
            and positions[first] - positions[first - 1] <= GAP + 1
        ):
            first -= 1
    else:
        while (
            last < len(squeezed)
            and last - first < len(vin)
            and squeezed[last] == vin[last - first]
            and positions[last] - positions[last - 1] <= GAP + 1
        ):
            last += 1
    return first, last
