"""The normal form of a value: what two spellings must share to share a placeholder."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from shared.pii.redaction.folding import squeeze
from shared.pii.redaction.model import Kind
from shared.pii.redaction.validity import calling_code, ip_address, is_nanp

_EXTENSION: Final = re.compile(rb"[\s,;]*(?:ext|extension|x|durchwahl|dw)[\s.:]*\d{1,6}\s*$")
_SHORTEST_INTERNATIONAL: Final = 9
_NO_DIGITS: Final = bytes(byte for byte in range(256) if not 48 <= byte <= 57)  # noqa: PLR2004
_TRUNK_ZERO: Final = re.compile(rb"\(\s*0\s*\)")
_HONORIFICS: Final = frozenset(
    b"mr mrs ms miss dr prof herr herrn frau jr sr ii iii iv phd md dipl ing".split()
)
_UNIT: Final = re.compile(
    rb"[\s,]+(?:(?:apt|apartment|unit|suite|ste|floor|fl|room|rm|whg|wohnung|etage|lot|bldg)\b"
    rb"|#).*$",
    re.DOTALL,
)

# Each street suffix under the form that stands for it in a normal form.
STREET_SUFFIXES: Final = {
    spelling: line.split()[0]
    for line in """
        st street str
        ave avenue av aven
        rd road
        blvd boulevard boul
        ln lane
        dr drive drv
        ct court crt
        cir circle circ
        pl place
        pkwy parkway pky
        hwy highway hiway
        ter terrace terr
        trl trail
        sq square
        way
        aly alley
        loop
        xing crossing
        cv cove
        run
        pike
        path
        row
        expy expressway
        fwy freeway
        tpke turnpike
        plz plaza
        pt point
        rdg ridge
        cres crescent
        strasse str
        """.splitlines()
    for spelling in line.split()
} | {"str": "strasse"}

DIRECTIONS: Final = {
    spelling: line.split()[0]
    for line in """
        n north
        s south
        e east
        w west
        ne northeast
        nw northwest
        se southeast
        sw southwest
        """.splitlines()
    for spelling in line.split()
}


def digits_of(folded: bytes) -> str:
    """The ASCII digits."""
    return folded.translate(None, _NO_DIGITS).decode()


def phone_parts(folded: bytes) -> tuple[str, str]:
    """Country code and national digits; a leading 0 without a country is read as German."""
    if b"x" in folded or b"w" in folded:  # letters of every word for an extension
        folded = _EXTENSION.sub(b"", folded)
    digits = digits_of(_TRUNK_ZERO.sub(b"", folded) if b"(" in folded else folded)
    international = folded.lstrip(b" (").startswith(b"+")
    for prefix in ("011", "00"):
        if digits.startswith(prefix) and len(digits) >= len(prefix) + _SHORTEST_INTERNATIONAL:
            digits, international = digits[len(prefix) :], True
            break
    if international:
        code = calling_code(digits)
        national = digits[len(code) :]
        # "+49 0151 ..." keeps the trunk zero by mistake; only Italian numbers start with 0.
        return code, national if code == "39" else national.removeprefix("0")
    if is_nanp(digits):
        return "1", digits
    if digits.startswith("1") and is_nanp(digits[1:]):
        return "1", digits[1:]
    if digits.startswith("0"):
        return "49", digits[1:]
    if digits.startswith("49") and len(digits) >= _SHORTEST_INTERNATIONAL + 2:
        return "49", digits[2:]
    return "", digits


def person_tokens(folded: bytes) -> list[bytes]:
    """Names of one person, given names first, without titles; hyphens stay inside a token."""
    words = folded.split(b" ")
    if b"".join(words).isalpha() and _HONORIFICS.isdisjoint(words):
        return [word for word in words if word]
    last, comma, first = folded.partition(b",")
    if comma and first.strip() and not _only_honorifics(first):
        folded = first + b" " + last
    tokens = [token.strip(b"-'") for token in re.split(rb"[^\w\x80-\xff'-]+|_+", folded)]
    named = [token for token in tokens if squeeze(token)]
    kept = [token for token in named if token not in _HONORIFICS]
    return kept or named


def _only_honorifics(folded: bytes) -> bool:
    return all(word.strip(b".") in _HONORIFICS for word in folded.split())


def street_tokens(folded: bytes) -> list[bytes]:
    """Words of the street line: no unit, no city behind a comma."""
    line = _UNIT.sub(b"", folded.strip())
    head, _, tail = line.partition(b",")
    if not digits_of(head):  # "Elm Street, 12"
        head = head + b" " + tail.partition(b",")[0]
    return [word for raw in head.split() if (word := squeeze(raw))]


def street_normal(folded: bytes) -> str:
    """Street line with abbreviations in one form: "12 North Elm Street" is "12 n elm st"."""
    words = [word.decode() for word in street_tokens(folded)]
    for index, word in enumerate(words):
        if word in DIRECTIONS:
            words[index] = DIRECTIONS[word]
        elif word in STREET_SUFFIXES and index:
            words[index] = STREET_SUFFIXES[word]
        elif word.endswith(("strasse", "str")):
            words[index] = word.removesuffix("strasse").removesuffix("str") + "strasse"
    return " ".join(words)


def _person(folded: bytes) -> str:
    return b" ".join(map(squeeze, person_tokens(folded))).decode(errors="replace")


def _phone(folded: bytes) -> str:
    return "".join(phone_parts(folded))


def _blanks_out(folded: bytes) -> str:
    return b"".join(folded.split()).decode(errors="replace")


def _blanks_one(folded: bytes) -> str:
    return b" ".join(folded.split()).decode(errors="replace")


def _address(folded: bytes) -> str:
    text = _blanks_out(folded)
    return ip_address(text) or text


_BY_KIND: Final[dict[Kind, Callable[[bytes], str]]] = {
    Kind.PERSON: _person,
    Kind.PHONE: _phone,
    Kind.EMAIL: _blanks_out,
    Kind.STREET: street_normal,
    Kind.IP: _address,
    Kind.CARD: digits_of,
    Kind.SSN: digits_of,
    Kind.CITY: _blanks_one,
    Kind.STATE: _blanks_one,
}


def normal_form(kind: Kind, folded: bytes) -> str:
    """Fold to the form that placeholders are made from; letters and digits if no rule is better."""
    by_rule = _BY_KIND.get(kind)
    return (by_rule(folded) if by_rule else "") or squeeze(folded).decode(errors="replace")
