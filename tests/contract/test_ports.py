"""One suite for every implementation of a port: what holds for Azure holds for its twin."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from shared.adapters.blobs import AzureBlobs, BlobUnavailable, MemoryBlobs
from shared.adapters.queues import AzureQueues, MemoryQueues, QueueUnavailable
from shared.kernel.ports import BlobStore, DocumentMissing, QueueSender

_NOWHERE = (
    "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"  # pragma: allowlist secret
    "BlobEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a;"
)


@pytest.fixture(params=["azurite", "memory"])
def blobs(request: pytest.FixtureRequest) -> Iterator[BlobStore]:
    if request.param == "memory":
        yield MemoryBlobs()
        return
    with BlobServiceClient.from_connection_string(request.getfixturevalue("storage")) as service:
        yield AzureBlobs(service)


def put(blobs: BlobStore, name: str, document: bytes) -> bool:
    return blobs.put_once("receipts", name, document, media_type="application/x-ndjson")


def test_a_document_is_written_once_and_never_replaced(blobs: BlobStore) -> None:
    assert put(blobs, "t/a", b"one") is True
    assert put(blobs, "t/a", b"two") is False
    assert blobs.get("receipts", "t/a") == b"one"


def test_a_document_that_is_not_there_is_missing(blobs: BlobStore) -> None:
    with pytest.raises(DocumentMissing):
        blobs.get("receipts", "t/none")


def test_names_are_listed_by_prefix_in_order(blobs: BlobStore) -> None:
    assert list(blobs.names("receipts")) == []
    for name in ("t/b", "t/a", "u/a"):
        put(blobs, name, b"x")
    assert list(blobs.names("receipts", "t/")) == ["t/a", "t/b"]


def unreachable_blobs() -> BlobStore:
    service = BlobServiceClient.from_connection_string(_NOWHERE, retry_total=0)
    return AzureBlobs(service)


def silent_blobs() -> BlobStore:
    blobs = MemoryBlobs()
    blobs.available = False
    return blobs


@pytest.mark.parametrize("make", [unreachable_blobs, silent_blobs])
def test_storage_that_is_away_is_unavailable(make: Callable[[], BlobStore]) -> None:
    with pytest.raises(BlobUnavailable):
        put(make(), "t/a", b"x")
    with pytest.raises(BlobUnavailable):
        make().get("receipts", "t/a")


def test_a_message_arrives_as_the_host_expects_it_in_a_queue_made_on_first_use(
    storage: str,
) -> None:
    """Functions-host 3.1: base64; the queue need not exist before."""
    with QueueServiceClient.from_connection_string(storage) as service:
        AzureQueues(service).send("hints", b'{"ops":{}}')
        [message] = service.get_queue_client("hints").receive_messages()
    assert base64.b64decode(message.content) == b'{"ops":{}}'
    memory = MemoryQueues()
    memory.send("hints", b'{"ops":{}}')
    assert memory.sent == [("hints", b'{"ops":{}}')]


def unreachable_queues() -> QueueSender:
    service = QueueServiceClient.from_connection_string(_NOWHERE, retry_total=0)
    return AzureQueues(service)


def silent_queues() -> QueueSender:
    queues = MemoryQueues()
    queues.available = False
    return queues


@pytest.mark.parametrize("make", [unreachable_queues, silent_queues])
def test_a_queue_that_is_away_is_unavailable(make: Callable[[], QueueSender]) -> None:
    with pytest.raises(QueueUnavailable):
        make().send("hints", b"{}")
