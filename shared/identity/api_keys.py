"""Static keys in place of tokens, for local_parity alone (002-R5, D18)."""

from __future__ import annotations

from collections.abc import Mapping

from shared.identity.errors import CallerForbidden, CredentialMissing, StaticKeyInvalid
from shared.kernel.call import Actor, AuthMode, SourceType
from shared.kernel.canonical import content_address, same

MIN_KEY_CHARS = 32
"""Hashes of shorter keys could be guessed from a settings file."""
_MAX_KEY_CHARS = 512


class UnsafeStaticKeys:
    """Accepts a static key as proof of an object id: no expiry, no audience, no issuer.

    For local_parity alone: `Settings` refuses to start any other environment that has keys. The
    settings hold only the keys' hashes. A key is always a service, never a person, so it cannot
    approve anything.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        """Take SHA-256 in hex to object id, as ``OPS_API_KEYS`` has them."""
        self._hashes = tuple(
            (digest.lower().encode(), object_id.lower()) for digest, object_id in hashes.items()
        )

    def verify(self, key: str, allowed: frozenset[str]) -> Actor:
        """Return the service whose key this is, without permissions.

        1. The key is there and of a plausible length.
        2. Its hash equals one of the known ones. Each is compared, in constant time, whichever
           matches.
        3. The object id is on the list, compared without case.
        """
        # (1) Worth hashing.
        if not key:
            raise CredentialMissing
        if not MIN_KEY_CHARS <= len(key) <= _MAX_KEY_CHARS or not key.isascii():
            raise StaticKeyInvalid

        # (2) One of ours.
        presented = content_address(key.encode()).encode()
        matches = [object_id for digest, object_id in self._hashes if same(digest, presented)]
        if not matches:
            raise StaticKeyInvalid
        subject = matches[0]

        # (3) Known to this gate.
        if not any(subject == entry.lower() for entry in allowed):
            raise CallerForbidden(subject)
        return Actor(SourceType.SYSTEM, subject, AuthMode.API_KEY)
