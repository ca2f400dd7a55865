"""Documents in Azure Blob storage, and their in-memory twin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobServiceClient, ContentSettings

from shared.kernel.errors import Unavailable
from shared.kernel.ports import DocumentMissing
from shared.kernel.settings import Settings

# Whoever asks has a deadline or a timer of its own: the SDK's patience would be minutes.
_IMPATIENT: dict[str, Any] = {"retry_total": 1, "connection_timeout": 5, "read_timeout": 30}


class BlobUnavailable(Unavailable):
    """Blob storage did not answer, or the outcome of a write is unknown."""

    code = "documents.unavailable"
    title = "Document storage is not available at the moment"


class AzureBlobs:
    """Write-once documents; containers are made on first use."""

    def __init__(self, service: BlobServiceClient) -> None:
        """Use ``service``; nothing connects before the first document."""
        self._service = service
        self._known: set[str] = set()

    def put_once(self, container: str, name: str, document: bytes, *, media_type: str) -> bool:
        """Write a document; ``False`` when one of that name is already there."""
        client = self._service.get_blob_client(container, name)
        settings = ContentSettings(content_type=media_type)
        try:
            if container not in self._known:
                self._ensure(container)
            client.upload_blob(document, overwrite=False, content_settings=settings)
        except ResourceExistsError:
            return False
        except AzureError as error:
            self._known.discard(container)
            raise BlobUnavailable from error
        return True

    def get(self, container: str, name: str) -> bytes:
        """Return a document."""
        try:
            found: Any = self._service.get_blob_client(container, name).download_blob()
            return bytes(found.readall())
        except ResourceNotFoundError:
            raise DocumentMissing from None
        except AzureError as error:
            raise BlobUnavailable from error

    def names(self, container: str, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with ``prefix``, in order."""
        try:
            listed = self._service.get_container_client(container).list_blob_names(
                name_starts_with=prefix or None
            )
            yield from listed
        except ResourceNotFoundError:
            return
        except AzureError as error:
            raise BlobUnavailable from error

    def _ensure(self, container: str) -> None:
        with suppress(ResourceExistsError):
            self._service.create_container(container)
        self._known.add(container)


class MemoryBlobs:
    """The same in memory, for tests of what stands above."""

    def __init__(self) -> None:
        """Begin empty."""
        self._documents: dict[tuple[str, str], bytes] = {}
        self._lock = threading.Lock()
        self.available = True

    def put_once(
        self,
        container: str,
        name: str,
        document: bytes,
        *,
        media_type: str,  # noqa: ARG002 - the port's signature
    ) -> bool:
        """Write a document; ``False`` when one of that name is already there."""
        self._answer()
        with self._lock:
            if (container, name) in self._documents:
                return False
            self._documents[container, name] = bytes(document)
        return True

    def get(self, container: str, name: str) -> bytes:
        """Return a document."""
        self._answer()
        try:
            return self._documents[container, name]
        except KeyError:
            raise DocumentMissing from None

    def names(self, container: str, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with ``prefix``, in order."""
        self._answer()
        yield from sorted(
            name
            for held, name in list(self._documents)
            if held == container and name.startswith(prefix)
        )

    def _answer(self) -> None:
        if not self.available:
            raise BlobUnavailable


def azure_blobs(settings: Settings) -> AzureBlobs:
    """Return the documents of the app's storage account."""
    if settings.storage:
        return AzureBlobs(BlobServiceClient.from_connection_string(settings.storage, **_IMPATIENT))
    # azure-identity costs 150 ms to import; a connection string does not need it.
    from shared.adapters.entra import credential

    address = f"https://{settings.storage_account}.blob.core.windows.net"
    return AzureBlobs(BlobServiceClient(address, credential(), **_IMPATIENT))
