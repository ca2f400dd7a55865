"""The host's own queue of blobs to run: one for all blob functions of an app."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ResourceNotFoundError

from local.host import engine
from local.host.blobs import function_id, send
from local.host.host_json import BlobOptions, QueueOptions
from local.host.queues import QueueListener
from local.host.triggers import BlobTrigger, Function, QueueTrigger

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties, BlobServiceClient
    from azure.storage.queue import QueueMessage, QueueServiceClient

    from local.host.blobs import Watched
    from local.host.invocations import Invocations
    from local.host.storage import Storage

log = logging.getLogger("host.blobs")

POISON = "webjobs-blobtrigger-poison"
_LARGEST_BATCH = 32
_LONGEST_POLL = 60.0


class BlobQueue(QueueListener):
    """Runs a function for each message, when its blob is still the version that was announced."""

    def __init__(
        self,
        host_id: str,
        *,
        options: BlobOptions,
        invocations: Invocations,
        service: QueueServiceClient,
        storage: Storage,
    ) -> None:
        trigger = QueueTrigger(f"azure-webjobs-blobtrigger-{host_id}", "", binary=False)
        shared = Function("", "SharedBlobQueueListener", "", trigger, disabled=False)
        super().__init__(
            shared,
            trigger,
            options=queue_options(options),
            invocations=invocations,
            service=service,
            storage=storage,
            poison=POISON,
        )
        self._watched: dict[str, Watched] = {}
        self._woken = asyncio.Event()

    def watch(self, watched: Watched) -> None:
        """Take messages for a function."""
        self._watched[function_id(watched.function)] = watched

    def wake(self) -> None:
        """Look for messages now: the host's own scan has sent some."""
        self._woken.set()

    def announce(self, function: Function, container: str, name: str, etag: str) -> None:
        """Send the message of one version of a blob."""
        message = {
            "Type": "BlobTrigger",
            "FunctionId": function_id(function),
            "BlobType": "BlockBlob",
            "ContainerName": container,
            "BlobName": name,
            "ETag": etag,
        }
        send(self._queue, message)

    async def _pause(self, seconds: float) -> None:
        self._woken.clear()
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return

    async def _run(self, message: QueueMessage, body: bytes) -> bool:
        """Run the function; a blob that is gone or was replaced is not this message's any more."""
        try:
            document = json.loads(body)
            watched = self._watched.get(document["FunctionId"])
            name, container = str(document["BlobName"]), str(document["ContainerName"])
        except (ValueError, KeyError, TypeError):
            log.error("message %s is not one of the host's own", message.id)  # noqa: TRY400
            return False
        if watched is None:
            return True
        try:
            found = await self._storage.call(_read, watched.service, container, name)
        except ResourceNotFoundError:
            return True
        except AzureError:
            return False
        properties, content, uri = found
        if f'"{str(properties.etag).strip(chr(34))}"' != document["ETag"]:
            # The next scan finds the newer version.
            return True
        trigger = watched.trigger
        outcome = await self._invocations.run(
            watched.function,
            engine.binary(content),
            metadata=_metadata(trigger, container, name, uri, properties),
        )
        return outcome.ok


def queue_options(blobs: BlobOptions) -> QueueOptions:
    """Half of the parallelism in a batch, the rest beside it, as the extension splits it."""
    batch = min(_LARGEST_BATCH, blobs.parallelism // 2 + 1)
    return QueueOptions(
        batch_size=batch,
        new_batch_threshold=blobs.parallelism - batch,
        max_dequeue_count=blobs.poison_threshold,
        visibility_timeout=0.0,
        max_polling_interval=_LONGEST_POLL,
        base64=True,
    )


def _read(
    service: BlobServiceClient, container: str, name: str
) -> tuple[BlobProperties, bytes, str]:
    blob = service.get_blob_client(container, name)
    download = blob.download_blob()
    return download.properties, download.readall(), blob.url


def _metadata(
    trigger: BlobTrigger, container: str, name: str, uri: str, properties: BlobProperties
) -> dict[str, engine.Data]:
    """What the function may read besides the content: path, address, properties, captures."""
    captured = trigger.path.captures(name) or {}
    told = {
        "LastModified": properties.last_modified.isoformat(),
        "ContentLength": properties.size,
        "ContentType": properties.content_settings.content_type,
        "ETag": f'"{str(properties.etag).strip(chr(34))}"',
    }
    return {
        **{part: engine.text(value) for part, value in captured.items()},
        "BlobTrigger": engine.text(f"{container}/{name}"),
        "Uri": engine.as_json(uri.partition("?")[0]),
        "Properties": engine.as_json(told),
        "Metadata": engine.as_json(dict(properties.metadata or {})),
    }
