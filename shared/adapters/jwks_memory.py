"""The issuer's key document in memory: the twin of `shared.adapters.jwks_http`."""

from __future__ import annotations

from shared.identity.keysets import MAX_DOCUMENT_BYTES
from shared.kernel.errors import Unavailable


class MemoryJwks:
    """Publishes ``document``; None means that the issuer is away."""

    def __init__(self, document: bytes | None) -> None:
        """Publish ``document`` until another one is set."""
        self.document = document
        self.fetches = 0

    def fetch(self) -> bytes:
        self.fetches += 1
        if self.document is None or len(self.document) > MAX_DOCUMENT_BYTES:
            raise Unavailable("The issuer's key document cannot be fetched")
        return self.document
