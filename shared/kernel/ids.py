"""Identifiers: a prefix that says what is named, then 26 characters that sort by time.

The body is a ULID in lower-case Crockford base 32: 48 bits of milliseconds and 80 random bits.
They are minted in Python before the transaction, so that row, fact and message can name each
other, and they hold nothing of what they name (000-R20).
"""

from __future__ import annotations

import itertools
import re
import secrets
from datetime import datetime
from typing import NewType, Protocol

TenantId = NewType("TenantId", str)
GroupId = NewType("GroupId", str)
PrincipalId = NewType("PrincipalId", str)
CallId = NewType("CallId", str)
RequestId = NewType("RequestId", str)
ReceiptId = NewType("ReceiptId", str)
RunId = NewType("RunId", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # pragma: allowlist secret
_BODY_LENGTH = 26
PATTERN = re.compile(r"[a-z]{3,4}_[0-9a-hjkmnp-tv-z]{26}")


class IdSource(Protocol):
    """Mints identifiers."""

    def mint(self, prefix: str, now: datetime) -> str:
        """Return a new identifier such as ``tnt_01h…``; later moments sort later."""
        ...


class RandomIds:
    """Identifiers nobody can guess."""

    def mint(self, prefix: str, now: datetime) -> str:
        """Return a new identifier: 80 random bits keep two callers in one millisecond apart."""
        return f"{prefix}_{_encode(_milliseconds(now) << 80 | secrets.randbits(80))}"


class SequentialIds:
    """Identifiers for tests: the same calls give the same names."""

    def __init__(self) -> None:
        """Begin at one."""
        self._next = itertools.count(1)

    def mint(self, prefix: str, now: datetime) -> str:
        """Return a new identifier whose last part counts up from one."""
        return f"{prefix}_{_encode(_milliseconds(now) << 80 | next(self._next))}"


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1000)


def _encode(number: int) -> str:
    return "".join(
        _ALPHABET[(number >> shift) & 31] for shift in range((_BODY_LENGTH - 1) * 5, -1, -5)
    )
