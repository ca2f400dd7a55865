"""Azure Storage for the listeners: clients by connection string, calls on their own threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

if TYPE_CHECKING:
    from collections.abc import Callable

# Not more than the SDK's connection pool holds, or it would open connections to throw away.
_THREADS = 10
# The listeners come back on their own schedule, so the SDK need not retry for them.
_ONCE: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 30}


class Storage:
    """One client per connection string, shared by every listener of this worker."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="host-storage")
        self._queues: dict[str, QueueServiceClient] = {}
        self._blobs: dict[str, BlobServiceClient] = {}

    def queues(self, connection: str) -> QueueServiceClient:
        if connection not in self._queues:
            client = QueueServiceClient.from_connection_string(connection, **_ONCE)
            self._queues[connection] = client
        return self._queues[connection]

    def blobs(self, connection: str) -> BlobServiceClient:
        if connection not in self._blobs:
            client = BlobServiceClient.from_connection_string(connection, **_ONCE)
            self._blobs[connection] = client
        return self._blobs[connection]

    async def call[**P, T](self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking SDK call on a storage thread; functions never compete for these."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(operation, *args, **kwargs))

    def close(self) -> None:
        for queues in self._queues.values():
            queues.close()
        for blobs in self._blobs.values():
            blobs.close()
        self._threads.shutdown(wait=False)
