"""What the product asks of the world outside Postgres.

Each port has one adapter that speaks to Azure and a local or in-memory twin; one conformance
suite runs over both. Errors cross a port as `Unavailable`: trying again is safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from shared.kernel.errors import Held, Missing
from shared.kernel.ids import TenantId


class DocumentMissing(Missing):
    """No document of that name in the container."""

    code = "documents.missing"
    title = "The document is not there"


class BlobStore(Protocol):
    """Write-once documents in containers."""

    def put_once(self, container: str, name: str, document: bytes, *, media_type: str) -> bool:
        """Write a document; ``False`` when one of that name is already there, which is fine.

        Raises `Unavailable` when the outcome is unknown: writing again is safe.
        """
        ...

    def get(self, container: str, name: str) -> bytes:
        """Return a document. Raises `DocumentMissing` or `Unavailable`."""
        ...

    def names(self, container: str, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with ``prefix``, in order."""
        ...


class QueueSender(Protocol):
    """Sends hints: a message holds references, and Postgres is the truth."""

    def send(self, queue: str, message: bytes) -> None:
        """Send one message. Raises `Unavailable`; sending twice is harmless."""
        ...


class TenantKeys(Protocol):
    """The one key of each tenant, which exists only in the provider behind this port."""

    def create(self, tenant_id: TenantId) -> None:
        """Make the tenant's key if it is not there yet; never replaces one."""
        ...

    def fetch(self, tenant_id: TenantId) -> bytes:
        """Return the 32-byte key. Raises `KeyMissing` (destroyed, never made) or `Unavailable`."""
        ...


class KeyMissing(Held):
    """The provider holds no key for this tenant: nothing of its PII can be sealed or opened."""

    code = "pii.key_missing"
    title = "The tenant has no key"


class SigningKeys(Protocol):
    """Ed25519 keys that sign seals: private parts never leave the provider behind this port."""

    def current(self) -> str:
        """Return the id of the key that signs now, and make the first one if there is none.

        An id is the SHA-256 of the 32 bytes of the public key, in hex. It is asked for before
        signing because what is signed names it. Raises `Unavailable`.
        """
        ...

    def sign(self, key_id: str, data: bytes) -> bytes:
        """Return the 64-byte signature. Raises `Held` when the key is not there, `Unavailable`."""
        ...

    def rotate(self) -> str:
        """Make a new key that signs from now on and return its id; older ones stay trusted."""
        ...

    def public_keys(self) -> Mapping[str, bytes]:
        """Return the public keys, 32 bytes each, of every key that ever signed here, by id."""
        ...

    def pin_home(self, home: str) -> str:
        """Keep what these keys seal for, once, and return what is kept.

        What a database says of itself can be changed by whoever owns it; this cannot.
        """
        ...

    def pinned_home(self) -> str | None:
        """Return what these keys seal for; ``None`` when they have sealed nothing yet."""
        ...


class Telemetry(Protocol):
    """Metrics and spans with OpenTelemetry names; no evidence depends on it (design 9).

    Attribute values are numbers, booleans, codes and identifiers, never payload (000-R20).
    """

    def count(self, name: str, value: int = 1, **attributes: str | int | bool) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: str, value: float, **attributes: str | int | bool) -> None:
        """Record one measurement in a histogram; durations are in seconds."""
        ...

    def span(
        self, name: str, traceparent: str, **attributes: str | int | bool
    ) -> AbstractContextManager[None]:
        """Time a piece of work as a child of ``traceparent`` (W3C)."""
        ...


class SilentTelemetry:
    """Telemetry that goes nowhere."""

    def count(self, name: str, value: int = 1, **attributes: str | int | bool) -> None:
        """Do nothing."""

    def observe(self, name: str, value: float, **attributes: str | int | bool) -> None:
        """Do nothing."""

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002 - the port's signature
        traceparent: str,  # noqa: ARG002
        **attributes: str | int | bool,  # noqa: ARG002
    ) -> Iterator[None]:
        """Do nothing around the work."""
        yield
