"""Messages in Azure Storage queues, and their in-memory twin."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from shared.kernel.errors import Unavailable
from shared.kernel.settings import Settings

# The outbox tries again by itself, and it sends inside a transaction: the SDK's own retries could
# outlive that.
_IMPATIENT: dict[str, Any] = {"retry_total": 0, "connection_timeout": 3, "read_timeout": 5}


class QueueUnavailable(Unavailable):
    """The queue did not answer; sending again is harmless."""

    code = "queues.unavailable"
    title = "Queues are not available at the moment"


class AzureQueues:
    """Sends base64 messages, as the Functions host expects; queues are made on first use."""

    def __init__(self, service: QueueServiceClient) -> None:
        """Use ``service``; nothing connects before the first message."""
        self._service = service

    def send(self, queue: str, message: bytes) -> None:
        """Send one message."""
        client = self._service.get_queue_client(queue)
        text = base64.b64encode(message).decode()
        try:
            try:
                client.send_message(text)
            except ResourceNotFoundError:
                with suppress(ResourceExistsError):
                    client.create_queue()
                client.send_message(text)
        except AzureError as error:
            raise QueueUnavailable from error


class MemoryQueues:
    """The same in memory, for tests of what stands above."""

    def __init__(self) -> None:
        """Begin empty."""
        self.sent: list[tuple[str, bytes]] = []
        self.available = True

    def send(self, queue: str, message: bytes) -> None:
        """Send one message."""
        if not self.available:
            raise QueueUnavailable
        self.sent.append((queue, message))


def azure_queues(settings: Settings) -> AzureQueues:
    """Return the queues of the app's storage account."""
    if settings.storage:
        service = QueueServiceClient.from_connection_string(settings.storage, **_IMPATIENT)
        return AzureQueues(service)
    # azure-identity costs 150 ms to import; a connection string does not need it.
    from shared.adapters.entra import credential

    address = f"https://{settings.storage_account}.queue.core.windows.net"
    return AzureQueues(QueueServiceClient(address, credential(), **_IMPATIENT))
