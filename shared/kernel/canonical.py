"""Canonical JSON and every digest of the product; nothing else hashes.

Canonical form is RFC 8785 restricted to the part on which ``orjson`` with sorted keys agrees
byte for byte: ASCII keys, integers within ±(2^53 - 1), strings without lone surrogates, no
floats (a decimal travels as a string). Anything outside raises `NotCanonical` instead of being
spelled somehow. A property test compares the result with the ``rfc8785`` library.

Every digest names its purpose, so that bytes hashed for one are worthless for another:
``SHA-256(domain || 0x00 || data)``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence

import orjson

type Json = str | int | bool | Sequence[Json] | Mapping[str, Json] | None

DIGEST_BYTES = 32
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


class NotCanonical(ValueError):
    """The value has no canonical form here; the message never shows the value."""


def canonical(value: Json) -> bytes:
    """Return the canonical bytes of ``value``.

    Raises `NotCanonical` for floats, integers of 2^53 and above, keys outside ASCII, lone
    surrogates, types that JSON does not have, and what is nested deeper than any document here.
    """
    try:
        _check(value)
        return orjson.dumps(value, option=_OPTIONS)
    except (TypeError, RecursionError) as error:
        raise NotCanonical(_REASON) from error


def canonical_checked(value: Json) -> bytes:
    """Return the canonical bytes of a value whose types a contract or our own code settled.

    Saves the walk that looks for floats, subclasses and names outside ASCII, so it is for values
    that cannot hold any. Raises `NotCanonical` for the rest: large integers, lone surrogates.
    """
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except (TypeError, RecursionError) as error:
        raise NotCanonical(_REASON) from error


_REASON = "only ASCII keys, strings, integers below 2^53, booleans, null, lists and objects"


def _check(value: object) -> None:
    # Exact types on purpose: a subclass (an enum, a datetime) may spell itself in its own way.
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or not key.isascii():
                raise NotCanonical(_REASON)
            inner = type(item)
            if inner is str or inner is int:
                continue
            _check(item)
    elif kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]
            _check(item)
    else:
        raise NotCanonical(_REASON)


def digest(domain: str, data: bytes) -> bytes:
    """Return the 32-byte digest of ``data`` for one purpose, such as ``ops.fact.v1``."""
    return hashlib.sha256(domain.encode("ascii") + b"\0" + data).digest()


def digest_stream(domain: str, chunks: Iterable[bytes]) -> bytes:
    """Return `digest` of all chunks together, for what is too large to hold."""
    found = hashlib.sha256(domain.encode("ascii") + b"\0")
    for chunk in chunks:
        found.update(chunk)
    return found.digest()


def digest_of(domain: str, value: Json) -> bytes:
    """Return the digest of a value's canonical form."""
    return digest(domain, canonical(value))


def keyed_digest(key: bytes, domain: str, data: bytes) -> bytes:
    """Return HMAC-SHA-256 of ``data`` for one purpose: what a stranger cannot guess."""
    return hmac.digest(key, domain.encode("ascii") + b"\0" + data, "sha256")


def content_address(document: bytes) -> str:
    """Return the plain SHA-256 of a document in hex, so that ``sha256sum`` can check it.

    A document names its own type in its first member, which is its domain separation.
    """
    return hashlib.sha256(document).hexdigest()


def same(left: bytes, right: bytes) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(left, right)
