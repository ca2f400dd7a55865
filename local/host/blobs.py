"""The Blob trigger: containers are listed, and each new version of a blob becomes one message.

A receipt in `azure-webjobs-hosts` says that a version was announced, so a version is announced once
however often it is listed, whichever instance lists it, and across restarts. What becomes of the
message is the business of `blob_queue`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from local.host.leases import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.storage.blob import BlobClient, BlobProperties, BlobServiceClient
    from azure.storage.queue import QueueClient

    from local.host.blob_queue import BlobQueue
    from local.host.storage import Storage
    from local.host.triggers import BlobTrigger, Function

log = logging.getLogger("host.blobs")

POLLING_INTERVAL = 10.0
"""Seconds between two scans; the real host has no setting for it either."""
RECEIPT_LEASE = 30
_COMPLETED = "Completed"
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Watched:
    """One blob function, and how far its container was scanned."""

    function: Function
    trigger: BlobTrigger
    service: BlobServiceClient
    latest: datetime = _BEGINNING


class BlobListener:
    """Scans the containers of every blob function, and runs what the scans find."""

    def __init__(
        self,
        watched: Sequence[Watched],
        *,
        storage: Storage,
        hosts: BlobServiceClient,
        queue: BlobQueue,
        host_id: str,
    ) -> None:
        self._watched = watched
        self._storage = storage
        self._hosts = hosts.get_container_client(CONTAINER)
        self._queue = queue
        self._host_id = host_id
        self._failing = False

    async def run(self) -> None:
        """Scan and run until cancelled; what is running goes on after that."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._queue.run())
            tasks.create_task(self._scan_for_ever())

    async def finish(self) -> None:
        """Wait for the functions that run."""
        await self._queue.finish()

    async def _scan_for_ever(self) -> None:
        while True:
            for watched in self._watched:
                try:
                    found = await self._storage.call(self._scan, watched)
                except AzureError as error:
                    if not self._failing:
                        log.warning("%s: not scanned: %s", watched.function.name, _brief(error))
                    self._failing = True
                else:
                    self._failing = False
                    if found:
                        self._queue.wake()
            await asyncio.sleep(POLLING_INTERVAL)

    def _scan(self, watched: Watched) -> int:
        """Announce what is new in one container; return how many messages that made."""
        path = watched.trigger.path
        container = watched.service.get_container_client(path.container)
        latest, announced, settled = watched.latest, 0, True
        try:
            for blob in container.list_blobs():
                # Times are in whole seconds: what is as late as the last scan is looked at again.
                if blob.last_modified < watched.latest:
                    continue
                latest = max(latest, blob.last_modified)
                if path.captures(blob.name) is None:
                    continue
                outcome = self._announce(watched, path.container, blob)
                announced += outcome is True
                settled = settled and outcome is not None
        except ResourceNotFoundError:
            return 0
        if settled:
            watched.latest = latest
        return announced

    def _announce(self, watched: Watched, container: str, blob: BlobProperties) -> bool | None:
        """Send a version's message, once for all instances; the receipt's lease decides who.

        False when it was sent before, None when another instance is at it: the next scan looks.
        """
        etag = str(blob.etag).strip('"')
        receipt = self._hosts.get_blob_client(
            f"blobreceipts/{self._host_id}/{function_id(watched.function)}"
            f'/"{etag}"/{container}/{blob.name}'
        )
        if (due := self._is_due(receipt)) is not True:
            return due
        try:
            lease = receipt.acquire_lease(RECEIPT_LEASE)
        except (ResourceExistsError, ResourceNotFoundError):
            return None
        try:
            if _is_complete(receipt):
                return False
            self._queue.announce(watched.function, container, blob.name, f'"{etag}"')
            receipt.set_blob_metadata({_COMPLETED: "true"}, lease=lease)
        finally:
            with contextlib.suppress(HttpResponseError):
                lease.release()
        return True

    def _is_due(self, receipt: BlobClient) -> bool | None:
        """Whether a version was not announced yet; makes its receipt if there is none.

        None when another instance was faster to make it.
        """
        try:
            return not _is_complete(receipt)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):
                self._hosts.create_container()
            try:
                receipt.upload_blob(b"", match_condition=MatchConditions.IfMissing)
            except (ResourceExistsError, ResourceModifiedError):
                return None
            return True


def _is_complete(receipt: BlobClient) -> bool:
    return _COMPLETED in (receipt.get_blob_properties().metadata or {})


def function_id(function: Function) -> str:
    """The name of a function in receipts and messages."""
    return f"Host.Functions.{function.name}"


def send(queue: QueueClient, message: dict[str, str]) -> None:
    """Send a message as the host does, into a queue made on first use."""
    text = base64.b64encode(json.dumps(message).encode()).decode()
    try:
        queue.send_message(text)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):
            queue.create_queue()
        queue.send_message(text)


def _brief(error: Exception) -> str:
    return str(error).partition("\n")[0]
