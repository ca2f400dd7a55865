"""The monitor blob of a timer, which outlives the host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from local.host.leases import CONTAINER
from local.host.schedule_status import Status

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient


class Monitor:
    """Reads and writes one timer's status blob."""

    def __init__(self, service: BlobServiceClient, path: str) -> None:
        self._container = service.get_container_client(CONTAINER)
        self._blob = self._container.get_blob_client(path)

    def load(self) -> Status | None:
        """The stored status; None when there is none or it cannot be read."""
        try:
            text = self._blob.download_blob().readall()
            return Status.from_document(json.loads(text))
        except (ResourceNotFoundError, ValueError, KeyError):
            return None

    def store(self, status: Status) -> None:
        self._blob.upload_blob(json.dumps(status.to_document()).encode(), overwrite=True)
