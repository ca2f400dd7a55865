"""Which signatures are trusted, and why: never a key that lay beside what it signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.kernel.canonical import content_address
from shared.ledger.errors import TrustUnreadable

DOCUMENT = "ops.keys.v1"
_KEY_BYTES = 32


def key_id_of(public_key: bytes) -> str:
    """Return the id of a public key: its SHA-256 in hex."""
    return content_address(public_key)


def trust_document(keys: Mapping[str, bytes], home: str | None = None) -> dict[str, Any]:
    """Return the document of trusted keys that auditors keep, and what they seal for."""
    return {
        "document": DOCUMENT,
        "keys": {key_id: public.hex() for key_id, public in sorted(keys.items())},
        "home": home,
    }


@dataclass(frozen=True)
class Trust:
    """Trusted public keys by id."""

    keys: Mapping[str, bytes]
    home: str | None = None
    """The database that they seal for; ``None``: nobody says."""
    _loaded: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, document: bytes) -> Trust:
        """Read a document of trusted keys. Raises `TrustUnreadable`."""
        try:
            members = orjson.loads(document)
            if members["document"] != DOCUMENT:
                raise TrustUnreadable
            home = members.get("home")
            keys = {key_id: bytes.fromhex(text) for key_id, text in members["keys"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TrustUnreadable from None
        if not (home is None or isinstance(home, str)):
            raise TrustUnreadable
        if not keys or any(
            len(public) != _KEY_BYTES or key_id_of(public) != key_id
            for key_id, public in keys.items()
        ):
            raise TrustUnreadable("A trusted key does not fit its id, or there is none")
        return cls(keys, home)

    def signed(self, key_id: str, signature: bytes, data: bytes) -> bool:
        """Tell whether a trusted key of this id signed ``data``."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - cold start

        key = self._key(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def knows(self, key_id: str) -> bool:
        """Tell whether a key is trusted."""
        return key_id in self.keys

    def _key(self, key_id: str) -> Any:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PublicKey,
        )

        if key_id not in self._loaded and key_id in self.keys:
            self._loaded[key_id] = Ed25519PublicKey.from_public_bytes(self.keys[key_id])
        return self._loaded.get(key_id)
