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
from typing import Final

from shared.pii.redaction.model import Kind

SUFFIX_LENGTH: Final = 8
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # pragma: allowlist secret
_PAIRS: Final = tuple(one + two for one in _ALPHABET for two in _ALPHABET)
_DOMAIN: Final = b"ops.placeholder.v1"
_KEY_BYTES: Final = 32
_REMEMBERED: Final = 16_384

_SHAPE: Final = re.compile(
    rf"\[(?:{'|'.join(Kind)})_[0-9a-hjkmnp-tv-z]{{{SUFFIX_LENGTH}}}\]".encode()
)


class KeyedPlaceholders:
    """Placeholders of one tenant.

    Remembers what it has made (values included), up to a bound; keep an instance no longer
    than the tenant's unwrapped key.
    """

    __slots__ = ("_keyed", "_made")

    def __init__(self, key: bytes) -> None:
        if len(key) < _KEY_BYTES:
            msg = f"a placeholder key has at least {_KEY_BYTES} bytes"
            raise ValueError(msg)
        # The key is worked in once; each placeholder starts from a copy.
        self._keyed = hmac.new(key, _DOMAIN + b"\x00", "sha256")
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
        keyed = self._keyed.copy()
        keyed.update(kind.encode() + b"\x00" + normal.encode("utf-8", "replace"))
        bits = int.from_bytes(keyed.digest()[:5])
        # Two characters for ten bits at a time.
        one, two, three, four = bits >> 30, bits >> 20 & 1023, bits >> 10 & 1023, bits & 1023
        return _PAIRS[one] + _PAIRS[two] + _PAIRS[three] + _PAIRS[four]


def without_placeholders(
    cased: bytes, barrier: bytes
) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    """Blank everything in a text that has the shape of a placeholder.

    Return the text with `barrier` in the place of each byte, and what was blanked: start, end
    and suffix. Ours and those that a user typed look alike, so label and brackets are nobody's
    data, but the suffix is still compared with the known values: `[PLATE_ab12cd34]` hides nothing.
    """
    pieces: list[bytes] = []
    typed: list[tuple[int, int, bytes]] = []
    done = 0
    for match in _SHAPE.finditer(cased):
        start, end = match.span()
        pieces += cased[done:start], barrier * (end - start)
        typed.append((start, end, cased[end - 1 - SUFFIX_LENGTH : end - 1]))
        done = end
    if not typed:
        return cased, typed
    pieces.append(cased[done:])
    return b"".join(pieces), typed
