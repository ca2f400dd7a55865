"""Recognisers for numbers with a checksum or a table: card, IBAN, IP, SSN, VIN; and e-mail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.folding import squeeze
from shared.pii.redaction.model import Kind
from shared.pii.redaction.normal import digits_of
from shared.pii.redaction.scanning import Recogniser, Verdict, alone, before
from shared.pii.redaction.validity import (
    IBAN_LENGTHS,
    VIN_LENGTH,
    ip_address,
    is_card,
    is_iban,
    is_ssn,
    is_vin,
)

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded
    from shared.pii.redaction.linear import Hit

_SSN_CUE: Final = re.compile(rb"(?:ssn|social security|soc sec|sozialversicherung)[^0-9]{0,16}$")
_VIN_CUE: Final = re.compile(
    rb"\b(?:vin|fin|chassis|fahrgestell\w*|fahrzeug-?ident\w*)\b[^0-9]{0,12}$"
)
# An address goes on behind one that is known: "a@example.com.au", "a@example.com@b".
_GOES_ON: Final = re.compile(rb"[a-z0-9\x80-\xff_%+'\-]|\.[a-z0-9\x80-\xff._%+'\-]|\.?\s?@")
_VERSION_CUE: Final = re.compile(
    rb"(?:version|ver\.?|v\.?|software|firmware|sw|fw|release|build)\s?$"
)
_SPOKEN_DOT: Final = re.compile(rb"\s*[(\[{]?\b(?:dot|punkt)\b[)\]}]?\s*")
_LEAST_VIN_DIGITS: Final = 5
_LONGEST_LOCAL: Final = 64


def _email(_: Folded, match: Hit) -> Verdict:
    start, end = match.span()
    local, domain = match.text(1), match.text(2)
    if not local or len(local) > _LONGEST_LOCAL * 4 or domain.endswith(b"-"):
        return None
    address = local + b"@" + domain
    if b"dot" in address or b"punkt" in address:
        address = _SPOKEN_DOT.sub(b".", address)
    return start, end, address


def _card(folded: Folded, match: Hit) -> Verdict:
    start, end = match.span()
    digits = digits_of(match.text())
    if alone(folded.lower, start, end) and is_card(digits):
        return start, end, digits
    return None


def _ssn(folded: Folded, match: Hit) -> Verdict:
    start, end = match.span()
    digits = digits_of(match.text())
    if not alone(folded.lower, start, end) or not is_ssn(digits):
        return None
    if match.text().isdigit() and _SSN_CUE.search(before(folded.lower, start, 40)) is None:
        return None
    if before(folded.lower, start, 1) in {b"-", b"."}:
        return None
    return start, end, digits


def _iban(folded: Folded, match: Hit) -> Verdict:
    """Walk on from the head for as many characters as the country has.

    The words that follow look like more of it, so the expression alone cannot know the end.
    """
    lower, start = folded.lower, match.start()
    length = IBAN_LENGTHS.get(lower[start : start + 2].decode(), 0)
    # Blanks every four characters at most, so the stretch is at most twice the length.
    stretch = lower[start : start + 2 * length]
    taken = end = 0
    for byte in stretch:
        if taken == length:
            break
        end += 1
        taken += bytes((byte,)).isalnum()
        if not bytes((byte,)).isalnum() and byte not in b" -.":
            return None
    iban = squeeze(stretch[:end])
    if not iban.isalnum() or not is_iban(iban.decode()) or not alone(lower, start, start + end):
        return None
    return start, start + end, iban.decode()


def _ip(folded: Folded, match: Hit) -> Verdict:
    start, end = match.span()
    text = match.text()
    lower = folded.lower
    if b":" in text:
        colons = text.count(b"::")
        groups = len([group for group in text.split(b":") if group])
        if groups < (2 if colons else 8) or not any(48 <= byte <= 57 for byte in text):  # noqa: PLR2004
            return None
    elif _VERSION_CUE.search(before(lower, start, 12)):
        return None
    if not alone(lower, start, end) or before(lower, start, 1) in {b".", b":"}:
        return None
    address = ip_address(text.decode())
    return None if address is None else (start, end, address)


def _vin(folded: Folded, match: Hit) -> Verdict:
    """With the check digit anywhere; after "VIN" also without it, as in Europe."""
    start, end = match.span()
    vin = match.text().decode()
    if is_vin(vin):
        return start, end, vin
    looks = not vin.isdigit() and sum(map(str.isdigit, vin)) >= _LEAST_VIN_DIGITS
    if looks and _VIN_CUE.search(before(folded.lower, start)):
        return start, end, vin
    return None


def _spaced_vin(folded: Folded, match: Hit) -> Verdict:
    """After "VIN" in groups: the first seventeen characters, if the check digit agrees."""
    start = match.start(1)
    taken = end = 0
    for byte in match.text(1):
        if taken == VIN_LENGTH:
            break
        end += 1
        taken += byte not in b" -"
    vin = squeeze(folded.lower[start : start + end]).decode()
    if is_vin(vin) and alone(folded.lower, start, start + end):
        return start, start + end, vin
    return None


_COUNTRIES: Final = "|".join(IBAN_LENGTHS)
_LETTER: Final = r"a-z0-9\x{80}-\x{10ffff}"  # beyond ASCII a folded text has letters only
_LOCAL: Final = rf"[{_LETTER}_][{_LETTER}._%+'\-]*"
_LABEL: Final = rf"[{_LETTER}][{_LETTER}\-]*"
_DOT: Final = r"(?:\.|\s?[(\[{](?:dot|punkt)[)\]}]\s?|\s(?:dot|punkt)\s)"

NUMBERS: Final = (
    Recogniser(
        Kind.EMAIL,
        (rf"({_LOCAL})\s?@\s?((?:{_LABEL}\.)+[{_LETTER}]{{2,24}})"),
        _email,
        goes_on=_GOES_ON,
    ),
    Recogniser(
        Kind.EMAIL,
        (
            rf"\b([a-z0-9][a-z0-9._%+\-]*(?:{_DOT}[a-z0-9]+){{0,2}})(?:\s?[(\[{{](?:at|@)[)\]}}]\s?"
            rf"|\sat\s)((?:[a-z0-9\-]+{_DOT}){{1,3}}(?:com|net|org|de|at|ch|edu|gov|info|biz|io|us"
            r"|co|eu|uk|ca|fr|it))\b"
        ),
        _email,
    ),
    Recogniser(
        Kind.CARD,
        (
            r"[3-6](?:[ \-.]?[0-9]){11,18}|2[2-7](?:[ \-.]?[0-9]){14}"
            r"|(?:1800|2131)(?:[ \-.]?[0-9]){11}"
        ),
        _card,
    ),
    Recogniser(
        Kind.IBAN,
        (rf"\b(?:{_COUNTRIES})[ ]?[0-9]{{2}}[ \-]?[a-z0-9]{{4}}"),
        _iban,
    ),
    Recogniser(
        Kind.IP,
        (r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"),
        _ip,
    ),
    Recogniser(
        Kind.IP,
        (r"[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?::?[0-9]{1,3}(?:\.[0-9]{1,3}){3})?"),
        _ip,
    ),
    Recogniser(
        Kind.SSN,
        (r"[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3} [0-9]{2} [0-9]{4}|[0-9]{9}"),
        _ssn,
    ),
    Recogniser(
        Kind.VIN,
        (r"\b[a-hj-npr-z0-9]{17}\b"),
        _vin,
        goes_on=re.compile(rb"[a-z0-9]"),
    ),
    Recogniser(
        Kind.VIN,
        (
            r"\b(?:vin|fin|chassis|fahrgestell[a-z]*)\b[^a-z0-9]{0,4}(?:(?:is|number|no|nr|ist)\b"
            r"[^a-z0-9]{1,3}){0,2}((?:[a-hj-npr-z0-9]{1,11}[ \-]){1,8}[a-hj-npr-z0-9]{1,11})\b"
        ),
        _spaced_vin,
    ),
)
