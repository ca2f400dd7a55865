"""Placeholders: keyed, stable within a tenant, meaningless outside it.

`[PERSON_k7q2mzx4]` is the first 40 bits of HMAC-SHA256 under the tenant's key, in Crockford's
base 32 (no i, l, o, u). Stable without a counter, so no lock and no lookup; keyed, so nobody
can hash a phone book and compare.

Eight characters, because a collision makes two people look like one: with n values of one kind
in a tenant, n^2 / 2^41 pairs collide. At one million customers that is less than half a pair;
with the four characters of the design's picture it would be half a million pairs. A collision
joins two values in prose, it never reveals one.
"""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX_LENGTH: Final = 8
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # pragma: allowlist secret
_DOMAIN: Final = b"ops.placeholder.v1"
_KEY_BYTES: Final = 32
_REMEMBERED: Final = 16_384

_SHAPE: Final = re.compile(
    rf"\[(?:{'|'.join(Kind)})_([0-9a-hjkmnp-tv-z]{{{SUFFIX_LENGTH}}})\]".encode()
)


class KeyedPlaceholders:
    """Placeholders of one tenant.

    Remembers what it has made (values included), up to a bound; keep an instance no longer
    than the tenant's unwrapped key.
    """

    __slots__ = ("_key", "_made")

    def __init__(self, key: bytes) -> None:
        if len(key) < _KEY_BYTES:
            msg = f"a placeholder key has at least {_KEY_BYTES} bytes"
            raise ValueError(msg)
        self._key = key
        self._made: dict[tuple[Kind, str], str] = {}

    def __call__(self, kind: Kind, normal: str) -> str:
        made = self._made.get((kind, normal))
        if made is None:
            made = f"[{kind}_{self._suffix(kind, normal)}]"
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            self._made[kind, normal] = made
        return made

    def _suffix(self, kind: Kind, normal: str) -> str:
        message = b"\x00".join((_DOMAIN, kind.encode(), normal.encode("utf-8", "replace")))
        bits = int.from_bytes(hmac.digest(self._key, message, "sha256")[:5])
        return "".join(_ALPHABET[bits >> shift & 31] for shift in range(35, -1, -5))


def typed_placeholders(cased: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (start, end, suffix) of everything in a text that has the shape of a placeholder.

    Ours and those that a user typed look alike, so the label and brackets are nobody's data,
    but the suffix is still compared with the known values: `[PLATE_ab12cd34]` hides nothing.
    """
    if b"[" in cased and b"]" in cased:
        for match in _SHAPE.finditer(cased):
            start, end = match.span()
            yield start, end, match.group(1)
