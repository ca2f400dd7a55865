"""Is this string of characters what it looks like: checksums, tables and areas.

Each predicate takes the bare value (no separators) and asks one public rule of one scheme.
"""

from __future__ import annotations

import ipaddress
from typing import Final

_VIN_VALUES: Final = (
    dict(zip("abcdefgh", range(1, 9), strict=True))
    | dict(zip("jklmnprstuvwxyz", (1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
    | {str(digit): digit for digit in range(10)}
)
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
VIN_LENGTH: Final = 17
VIN_CHECK_POSITION: Final = 8
_VIN_DIGITS: Final = 3  # fewer, and it is a word of seventeen letters
_NANP_LENGTH: Final = 10

IBAN_LENGTHS: Final = {
    country: int(length)
    for country, length in (
        entry.split(":")
        for entry in """
        ad:24 ae:23 al:28 at:20 az:28 ba:20 be:16 bg:22 bh:22 bi:27 br:29 by:28 ch:21 cr:22 cy:28
        cz:24 de:22 dj:27 dk:18 do:28 ee:20 eg:29 es:24 fi:18 fk:18 fo:18 fr:27 gb:22 ge:22 gi:23
        gl:18 gr:27 gt:28 hn:28 hr:21 hu:28 ie:22 il:23 iq:23 is:26 it:27 jo:30 kw:30 kz:20 lb:28
        lc:32 li:21 lt:20 lu:20 lv:21 ly:25 mc:27 md:24 me:22 mk:19 mn:20 mr:27 mt:31 mu:30 ni:28
        nl:18 no:15 om:23 pk:24 pl:28 ps:29 pt:25 qa:29 ro:24 rs:22 ru:33 sa:24 sc:31 sd:18 se:24
        si:19 sk:24 sm:27 so:23 st:25 sv:28 tl:23 tn:24 tr:26 ua:29 va:22 vg:24 xk:20 ye:30
        """.split()
    )
}

# Country calling codes of one and two digits; every other code has three.
_SHORT_CALLING_CODES: Final = frozenset(
    """
    1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63
    64 65 66 81 82 84 86 90 91 92 93 94 95 98
    """.split()
)


def calling_code(digits: str) -> str:
    """Return the country code that international digits start with."""
    for length in (1, 2):
        if digits[:length] in _SHORT_CALLING_CODES:
            return digits[:length]
    return digits[:3]


def is_nanp(digits: str) -> bool:
    """Ten digits of the North American plan: area and exchange may not start with 0 or 1."""
    return len(digits) == _NANP_LENGTH and digits[0] in "23456789" and digits[3] in "23456789"


def is_vin(vin: str) -> bool:
    """Seventeen characters, lower case, with the North American check digit."""
    if len(vin) != VIN_LENGTH or vin.isdigit() or sum(map(str.isdigit, vin)) < _VIN_DIGITS:
        return False
    total = 0
    for character, weight in zip(vin, _VIN_WEIGHTS, strict=True):
        value = _VIN_VALUES.get(character)
        if value is None:
            return False
        total += value * weight
    return vin[VIN_CHECK_POSITION] == "0123456789x"[total % 11]


def is_card(digits: str) -> bool:
    """A payment card: issuer range, length and Luhn sum."""
    if not _issued(digits) or len(set(digits)) == 1:
        return False
    total = 0
    for index, character in enumerate(reversed(digits)):
        value = int(character) * (1 + index % 2)
        total += value % 10 + value // 10
    return total % 10 == 0


def _issued(digits: str) -> bool:
    length = len(digits)
    first, four = digits[0], int(digits[:4])
    if first == "3":
        return length in {14, 15, 16}
    if first == "4":
        return length in {13, 16, 19}
    if 5100 <= four <= 5599 or 2221 <= four <= 2720:  # noqa: PLR2004 - the issuer's ranges
        return length == 16  # noqa: PLR2004
    if four in {1800, 2131}:
        return length == 15  # noqa: PLR2004
    return first in "56" and 12 <= length <= 19  # noqa: PLR2004


def is_iban(iban: str) -> bool:
    """Length by country and remainder 1 modulo 97; lower case, no blanks."""
    if IBAN_LENGTHS.get(iban[:2]) != len(iban) or not iban[2:4].isdigit():
        return False
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def is_ssn(digits: str) -> bool:
    """A social security number that can have been issued."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def ip_address(text: str) -> str | None:
    """Return the canonical address; None where it is none, or is 0.0.0.0 or ::."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if address.is_unspecified else address.compressed
