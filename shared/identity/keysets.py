"""The issuer's signing keys, as they are published, under outage and rotation.

::

    never fetched --ok--> fresh --ttl--> stale --ok--> fresh
          |                                |
          +--failed--> unavailable <-------+ stale for longer than the stale limit

A *fresh* set is used as it is. A *stale* one is fetched again by one caller while the others go on
with it; when that fails it keeps serving, up to the stale limit. An unknown key id fetches once
more, because issuers rotate; however many strangers make key ids up, the issuer is asked once per
cooldown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from jwt.utils import base64url_decode

from shared.identity.errors import KeysUnavailable, KeyUnknown
from shared.kernel.clock import Clock
from shared.kernel.errors import Unavailable
from shared.kernel.log import event, trouble

MAX_DOCUMENT_BYTES = 1_048_576
"""Entra's common key set is about 20 kB; what is larger than this is not a key set."""
_MAX_KEYS = 100
"""A set is searched by key id, so this bounds only the work of reading it."""
_MIN_BITS, _MAX_BITS = 2048, 8192
"""RFC 7518 3.3 asks for 2048; the upper bound keeps one verification below a millisecond."""
_MAX_KID = 256
_EXPONENTS = range(65_537, 2**32, 2)
"""FIPS 186-5 A.1.1 asks for an odd exponent above 2^16; small ones are a history of forgeries."""
_RETRY_PAUSE = timedelta(seconds=5)
"""Without any key, tries are this far apart: each may hold threads for seconds."""


class JwksSource(Protocol):
    """Where the issuer publishes its keys."""

    def fetch(self) -> bytes:
        """Return the JWKS document as published now, at most `MAX_DOCUMENT_BYTES` of it.

        Raises `Unavailable` for everything that keeps it from doing so.
        """
        ...


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the issuers it was published for; empty means every issuer."""

    public_key: RSAPublicKey
    issuers: frozenset[str] = frozenset()

    def signs_for(self, issuer: str, directory: str) -> bool:
        """Tell whether the key may sign for this issuer.

        Entra's common key set holds keys of single directories beside the shared ones, and says
        so in ``issuer``, with ``{tenantid}`` for "any". A v1 token (``sts.windows.net``) is signed
        by a key that is published under the v2 name, so it is the directory that must agree.
        """
        if not self.issuers:
            return True
        named = [published.replace("{tenantid}", directory) for published in self.issuers]
        return any(issuer == name or directory in name.split("/") for name in named)


@dataclass(frozen=True, slots=True)
class _State:
    """What is known after the last attempt; replaced as a whole, so it is read without a lock."""

    keys: Mapping[str, SigningKey]
    fetched_at: datetime | None = None
    attempted_at: datetime | None = None
    failed: bool = False


class KeySets:
    """The cached key set of one issuer; safe to share between threads."""

    def __init__(
        self,
        source: JwksSource,
        clock: Clock,
        ttl: timedelta = timedelta(minutes=10),
        stale_limit: timedelta = timedelta(hours=24),
        refetch_cooldown: timedelta = timedelta(seconds=30),
    ) -> None:
        """Fetch nothing yet.

        ``ttl`` is how long a removed key may linger, ``stale_limit`` how long an outage of the
        issuer is bridged, ``refetch_cooldown`` how often unknown key ids may ask the issuer.
        """
        self._source = source
        self._clock = clock
        self._ttl = ttl
        self._stale_limit = stale_limit
        self._cooldown = refetch_cooldown
        self._lock = Lock()
        self._state = _State(keys={})

    @property
    def fetched_at(self) -> datetime | None:
        """When the keys in use were fetched, for the health report; None before the first time."""
        return self._state.fetched_at

    def find(self, kid: str) -> SigningKey:
        """Return the issuer's key of that id.

        Raises `KeyUnknown` when the issuer does not publish it, `KeysUnavailable` when that
        cannot be told.
        """
        now = self._clock.now()
        seen = self._state
        key = seen.keys.get(kid) if _within(self._stale_limit, seen.fetched_at, now) else None
        if key is None:
            if self._due(seen, now):
                # Everyone waits here, and all but the first find the work done.
                with self._lock:
                    if self._state is seen:
                        self._refresh(now)
        elif _within(self._ttl, seen.fetched_at, now) or not self._due(seen, now):
            return key
        elif self._lock.acquire(blocking=False):
            try:
                if self._state is seen:
                    self._refresh(now)
            finally:
                self._lock.release()
        return self._answer(kid, now)

    def _answer(self, kid: str, now: datetime) -> SigningKey:
        state = self._state
        usable = _within(self._stale_limit, state.fetched_at, now)
        if usable and (key := state.keys.get(kid)):
            return key
        if usable and not state.failed:
            raise KeyUnknown
        # While the issuer is away, an unknown key id may be a key it has just begun to use.
        raise KeysUnavailable(retry_after=int(_RETRY_PAUSE.total_seconds()))

    def _due(self, state: _State, now: datetime) -> bool:
        """Tell whether the issuer may be asked again."""
        usable = _within(self._stale_limit, state.fetched_at, now)
        pause = self._cooldown if usable else _RETRY_PAUSE
        return not _within(pause, state.attempted_at, now)

    def _refresh(self, now: datetime) -> None:
        """Ask the issuer once and note what came of it; called with the lock held."""
        before = self._state
        try:
            keys = read_keys(self._source.fetch())
        except (Unavailable, ValueError) as error:
            self._state = _State(before.keys, before.fetched_at, now, failed=True)
            trouble("identity.keys_fetch_failed", error)
        else:
            self._state = _State(keys, now, now)
            event("identity.keys_fetched", count=len(keys))


def read_keys(document: bytes) -> dict[str, SigningKey]:
    """Return the usable keys of a JWKS document by their id.

    A key that cannot verify RS256 signatures safely is passed over, as RFC 7517 5 asks: not RSA,
    not for signatures, for another algorithm, weak or oversized, without an id, or with private
    parts. Two different keys with one id are both passed over. Raises `ValueError` when the
    document is none, or holds no usable key: an issuer that publishes nothing is broken, not
    empty.
    """
    if len(document) > MAX_DOCUMENT_BYTES:
        raise ValueError("the key set is too large")
    try:
        parsed = json.loads(document)
    except RecursionError:
        raise ValueError("the key set is nested too deeply") from None
    entries = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(entries, list) or len(entries) > _MAX_KEYS:
        raise ValueError("the key set has no list of keys, or too long a one")
    keys: dict[str, SigningKey] = {}
    ambiguous: set[str] = set()
    for entry in entries:
        if not isinstance(entry, dict) or (key := _read_key(entry)) is None:
            continue
        kid = entry["kid"]
        twin = keys.get(kid, key)
        if twin.public_key != key.public_key:
            ambiguous.add(kid)
        # Entra lists one key several times when it serves several issuers.
        both = twin.issuers | key.issuers if twin.issuers and key.issuers else frozenset[str]()
        keys[kid] = SigningKey(key.public_key, both)
    usable = {kid: key for kid, key in keys.items() if kid not in ambiguous}
    if not usable:
        raise ValueError("the key set holds no usable key")
    return usable


def _read_key(entry: dict[str, Any]) -> SigningKey | None:
    kid, issuer = entry.get("kid"), entry.get("issuer")
    fits = (
        isinstance(kid, str)
        and 0 < len(kid) <= _MAX_KID
        and entry.get("kty") == "RSA"
        and entry.get("use") == "sig"
        and entry.get("alg", "RS256") == "RS256"
        and entry.get("key_ops", ["verify"]) == ["verify"]
        and "d" not in entry
        and (issuer is None or (isinstance(issuer, str) and issuer))
    )
    if not fits:
        return None
    modulus, exponent = _number(entry.get("n")), _number(entry.get("e"))
    if not _MIN_BITS <= modulus.bit_length() <= _MAX_BITS or exponent not in _EXPONENTS:
        return None
    try:
        public_key = RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        return None
    return SigningKey(public_key, frozenset([issuer]) if issuer else frozenset())


def _number(text: object) -> int:
    """Return a base64url number, or 0 for what is none."""
    if not isinstance(text, str):
        return 0
    try:
        return int.from_bytes(base64url_decode(text), "big")
    except ValueError:
        return 0


def _within(span: timedelta, then: datetime | None, now: datetime) -> bool:
    """Tell whether ``then`` is less than ``span`` away; a clock set back counts like one ahead."""
    return then is not None and abs(now - then) < span
