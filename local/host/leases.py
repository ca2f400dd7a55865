"""The singleton lock of a timer: a 60-second blob lease that one instance holds and renews."""

from __future__ import annotations

import contextlib
import logging
import uuid
from typing import TYPE_CHECKING

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)

if TYPE_CHECKING:
    from azure.storage.blob import BlobLeaseClient, BlobServiceClient

    from local.host.storage import Storage

log = logging.getLogger("host.timers")

CONTAINER = "azure-webjobs-hosts"
PERIOD = 60
RETRY_AFTER = 60.0


class Lease:
    """One named lock; the same holder may take it again while it is still held.

    The lease id is made from the holder's name. A restarted worker of the same host therefore goes
    on at once, while any other instance waits for the lease to end.
    """

    def __init__(
        self, service: BlobServiceClient, storage: Storage, path: str, holder: str
    ) -> None:
        self._container = service.get_container_client(CONTAINER)
        self._blob = self._container.get_blob_client(path)
        self._storage = storage
        self._id = str(uuid.uuid5(uuid.NAMESPACE_URL, holder))
        self._lease: BlobLeaseClient | None = None

    async def acquire(self) -> bool:
        """Take the lease; False when another instance holds it or the storage does not answer."""
        try:
            self._lease = await self._storage.call(self._acquire)
        except ResourceExistsError:
            return False
        except AzureError as error:
            log.warning("timer lock not taken: %s", str(error).partition("\n")[0])
            return False
        return True

    def _acquire(self) -> BlobLeaseClient:
        try:
            return self._blob.acquire_lease(PERIOD, lease_id=self._id)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):
                self._container.create_container()
            with contextlib.suppress(ResourceExistsError):
                self._blob.upload_blob(b"", overwrite=False)
            return self._blob.acquire_lease(PERIOD, lease_id=self._id)

    async def renew(self) -> bool:
        """Keep the lease; False when it was lost."""
        if self._lease is None:
            return False
        try:
            await self._storage.call(self._lease.renew)
        except HttpResponseError:
            return False
        except AzureError:
            # No answer is no verdict: the lease lasts until its period ends.
            return True
        return True

    async def release(self) -> None:
        if self._lease is not None:
            lease, self._lease = self._lease, None
            try:
                await self._storage.call(lease.release)
            except AzureError as error:
                log.warning("timer lock not released: %s", str(error).partition("\n")[0])
