"""Recognisers for phone numbers: North American, German, E.164, and any after a cue.

A workshop's text is full of numbers: part numbers, mileage, prices, dates, times, case numbers.
So a bare run of digits is a phone only where a word says so or its shape leaves no doubt, and
never after a word for something else ("case", "part no.").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.model import Kind
from shared.pii.redaction.normal import digits_of
from shared.pii.redaction.scanning import Recogniser, Verdict, before
from shared.pii.redaction.validity import calling_code, is_nanp

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded
    from shared.pii.redaction.linear import Hit

_CUE_WORDS: Final = (
    r"tel|telefon|telefonnummer|telephone|phone|phone number|ph|cell|cell ?phone|mobile|handy"
    r"|handynummer|mobil|mobilnummer|fax|faxnummer|rufnummer|call|called|calling|dial|text|whatsapp"
    r"|reach|reached|answering|rueckruf|rufen"
)
_CUE: Final = re.compile(rf"\b(?:{_CUE_WORDS})\b[^0-9\n]{{0,20}}$".encode())
_OTHER_CUE: Final = re.compile(
    rb"(?:\b(?:part|parts|p/n|pn|case|claim|invoice|order|ref|reference|recall|campaign|serial|vin"
    rb"|ro|odi|nhtsa|id|file|ticket|policy|sku|teil|teile|teilenummer|rechnung|auftrag|artikel"
    rb"|bestell\w*|vorgang|account|konto|tsb|bulletin|code)\b[^0-9\n]{0,14}|[$\xe2\x82\xac#])$"
)
_GROUPED: Final = re.compile(rb"[0-9][^0-9]+[0-9]{3}[^0-9]+[0-9]{4}$")
_UNIT: Final = re.compile(rb"\s?(?:miles|mi|km|kms|kilometers|kilometer|meilen|k)\b")
# No expression below crosses more than five characters from one digit to the next.
_GOES_ON: Final = re.compile(rb"[^0-9]{0,5}[0-9]")
_DATE: Final = re.compile(
    rb"(?:\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})|(?:19|20)\d\d([./-])\d{1,2}\2\d{1,2})"
)
_DIGITS: Final = frozenset(b"0123456789")
_GERMAN_SPEAKING: Final = frozenset({"49", "43", "41"})
_LEAST_DIALLED: Final = 9
_GERMAN_MOBILE: Final = ("15", "16", "17")


def _accepted(folded: Folded, start: int, end: int) -> Verdict:
    return start, end, folded.lower[start:end]


def _joined(folded: Folded, start: int, end: int) -> bool:
    """Part of a longer number, a part number or a price: "8L3Z-555-...", "$555", "...-4567A"."""
    lower = folded.lower
    if start and lower[start : start + 1] != b"(":
        at = lower[start - 1]
        if at in _DIGITS or 97 <= at <= 122 or at in b"$_":  # noqa: PLR2004 - 'a'..'z'
            return True
        if at in b"-./" and start > 1 and lower[start - 2 : start - 1].isalnum():
            return True
    after = lower[end : end + 2]
    if after[:1].isdigit() or (after[:1] in {b"-", b".", b"/", b","} and after[1:].isdigit()):
        return True
    return after[:1].isalpha() and after[:1] not in {b"x", b"e"}


def _named_otherwise(folded: Folded, start: int) -> bool:
    return _OTHER_CUE.search(before(folded.lower, start)) is not None


def _named(folded: Folded, start: int) -> bool:
    return _CUE.search(before(folded.lower, start, 36)) is not None


def _nanp(folded: Folded, match: Hit) -> Verdict:
    start, end = match.span()
    digits = digits_of(match.text())
    if not is_nanp(digits[-10:]) or _joined(folded, start, end):
        return None
    # One separator or none, and a part number looks the same: "312-5550142".
    doubtful = _GROUPED.search(match.text()) is None
    if doubtful and not _named(folded, start) and _named_otherwise(folded, start):
        return None
    return _accepted(folded, start, end)


def _international(folded: Folded, match: Hit) -> Verdict:
    start, end = match.span()
    stretch = match.text().rstrip(b" .-/(")
    end = start + len(stretch)
    digits = digits_of(stretch)
    if not stretch.startswith(b"+"):
        digits = digits.removeprefix("011") if digits.startswith("011") else digits[2:]
        if len(digits) < _LEAST_DIALLED:
            return None
        if stretch.isdigit() and calling_code(digits) not in _GERMAN_SPEAKING:
            return None  # "0012345678" is as likely a part number
    if not 8 <= len(digits) <= 15 or _joined(folded, start, end):  # noqa: PLR2004 - E.164
        return None
    if _named_otherwise(folded, start):
        return None
    return _accepted(folded, start, end)


def _german(folded: Folded, match: Hit) -> Verdict:
    start = match.start()
    stretch = match.text().rstrip(b" .-/(")
    end = start + len(stretch)
    digits = digits_of(stretch)
    if not 7 <= len(digits) <= 13 or _joined(folded, start, end):  # noqa: PLR2004
        return None
    if _named(folded, start):
        return _accepted(folded, start, end)
    if _named_otherwise(folded, start) or _UNIT.match(folded.lower, end):
        return None
    mobile = digits[1:].startswith(_GERMAN_MOBILE) and 10 <= len(digits) <= 12  # noqa: PLR2004
    slashed = any(mark in stretch for mark in (b"/", b")", b"-")) and len(digits) >= 9  # noqa: PLR2004
    spaced = b" " in stretch and len(digits) >= 10  # noqa: PLR2004
    if mobile or slashed or spaced:
        return _accepted(folded, start, end)
    return None


def _cued(folded: Folded, match: Hit) -> Verdict:
    """After "phone", "call", "Tel.": seven to fifteen digits however grouped."""
    start, end = match.span(1)
    stretch = match.text(1)
    digits = digits_of(stretch)
    if not 7 <= len(digits) <= 15 or _joined(folded, start, end):  # noqa: PLR2004 - E.164
        return None
    if _named_otherwise(folded, start) or _DATE.fullmatch(stretch):
        return None
    if _UNIT.match(folded.lower, end):
        return None
    return _accepted(folded, start, end)


PHONES: Final = (
    Recogniser(
        Kind.PHONE,
        (
            r"(?:\+?1[ .\-/]{0,3})?(?:\([ ]?[2-9][0-9]{2}[ ]?\)|[2-9][0-9]{2}\)?)[ .\-/]{0,3}"
            r"[2-9][0-9]{2}[ .\-/]{0,3}[0-9]{4}"
        ),
        _nanp,
        goes_on=_GOES_ON,
    ),
    Recogniser(
        Kind.PHONE,
        (r"(?:\+|\b00|\b011)[ ]?[1-9](?:[ .\-/()]{0,3}[0-9]){7,14}"),
        _international,
        goes_on=_GOES_ON,
    ),
    Recogniser(
        Kind.PHONE,
        (r"\(?0[1-9][0-9]{1,4}\)?(?:[ \-/.]{0,3}[0-9]{2,}){1,5}"),
        _german,
        goes_on=_GOES_ON,
    ),
    Recogniser(
        Kind.PHONE,
        (
            rf"\b(?:{_CUE_WORDS})\b[^0-9!?\n+(]{{0,24}}"
            r"(\+?\(?[0-9](?:[ .\-/()]{0,3}[0-9]){6,14})"
        ),
        _cued,
        value=1,
        goes_on=_GOES_ON,
    ),
)
