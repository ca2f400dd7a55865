"""Blind indexes: keyed digests of normalised identifiers (000-B, D15).

Two spellings of one identifier give one digest; without the index key a digest says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from shared.kernel.canonical import keyed_digest

_NOT_DIGIT = re.compile(r"[^0-9]")
_NOT_ALNUM = re.compile(r"[^0-9A-Z]")
_WITH_COUNTRY = 11
"""Digits of a North American number that begins with its country code."""
_SPACES = re.compile(r"\s+")


class IdentifierKind(StrEnum):
    """What an identifier identifies."""

    EMAIL = "email"
    PHONE = "phone"
    VIN = "vin"
    PLATE = "plate"
    NAME = "name"
    ADDRESS = "address"


_DOMAINS = {kind: f"ops.blind.{kind}.v1" for kind in IdentifierKind}


@dataclass(frozen=True, slots=True)
class Identifier:
    """A digest under the tenant's index key."""

    kind: IdentifierKind
    digest: bytes = field(repr=False)


def identifier(index_key: bytes, kind: IdentifierKind, *parts: str) -> Identifier | None:
    """Return the blind index of an identifier, or ``None`` if nothing is left of a part of it.

    ``parts`` are joined after normalising: given and family name, or the parts of an address.
    Half a name is no name: everybody without the other half would be one person (D14).
    """
    normals = [_normal(kind, part) for part in parts]
    if not all(normals):
        return None
    normal = "\x1f".join(normals)
    return Identifier(kind, keyed_digest(index_key, _DOMAINS[kind], normal.encode()))


def _normal(kind: IdentifierKind, text: str) -> str:
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if kind is IdentifierKind.PHONE:
        digits = _NOT_DIGIT.sub("", folded).removeprefix("00")
        # North American numbers are written with and without their country code.
        return digits[1:] if len(digits) == _WITH_COUNTRY and digits[0] == "1" else digits
    if kind in (IdentifierKind.VIN, IdentifierKind.PLATE):
        return _NOT_ALNUM.sub("", folded.upper())
    return _SPACES.sub(" ", folded).strip().casefold()
