"""The blob listener against Azurite, with Python callables as functions.

What the extension does was read in its source (Microsoft.Azure.WebJobs.Extensions.Storage.Blobs):
ScanBlobScanLogHybridPollingStrategy, BlobTriggerExecutor, BlobQueueTriggerExecutor,
SharedBlobQueueListenerFactory.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.host import blobs
from local.host.blob_paths import BlobPath, BlobPathError
from local.host.blob_queue import queue_options
from local.host.engine import Outcome
from local.host.host_json import BlobOptions, QueueOptions, read
from local.host.storage import Storage
from local.host.storage_listeners import StorageListeners
from local.host.triggers import BlobTrigger, Function

_QUEUES = QueueOptions(16, 8, 5, 0.0, 60.0, base64=True)
_RECEIPTS = "blobreceipts/test-host/Host.Functions.take/"


class _Function:
    """Stands in for the engine: notes what it is given and ends as it is told."""

    def __init__(self, behave=lambda _: True):
        self.seen: list[tuple[str, bytes]] = []
        self.metadata: list[dict[str, object]] = []
        self._behave = behave

    async def run(self, _function, data, *, metadata):
        name = metadata["BlobTrigger"].string
        self.seen.append((name, data.bytes))
        self.metadata.append(metadata)
        result = self._behave(name)
        return Outcome(ok=result, error="" if result else "told to fail")


def _wait(until):
    deadline = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class _Bench:
    """A container of an empty storage account, and a listener on it for as long as needed."""

    def __init__(self, connection: str):
        self.connection = connection
        self.service = BlobServiceClient.from_connection_string(connection)
        self.queues = QueueServiceClient.from_connection_string(connection)
        self.container = self.service.get_container_client("uploads")

    def upload(self, name: str, content: bytes) -> None:
        if not self.container.exists():
            self.container.create_container()
        self.container.upload_blob(name, content, overwrite=True)

    def receipts(self) -> list[str]:
        hosts = self.service.get_container_client("azure-webjobs-hosts")
        return [blob.name for blob in hosts.list_blobs(name_starts_with="blobreceipts/")]

    def poison(self) -> list[dict[str, str]]:
        try:
            found = self.queues.get_queue_client("webjobs-blobtrigger-poison").peek_messages(32)
        except ResourceNotFoundError:
            return []
        return [json.loads(base64.b64decode(message.content)) for message in found]

    def listen(self, *functions: _Function, until, path="uploads/{name}", threshold=5) -> None:
        """Run one listener per function, each an instance of its own, until a check holds."""

        async def main() -> None:
            trigger = BlobTrigger(BlobPath.parse(path), "Storage")
            found = Function("id", "take", "blob", trigger, disabled=False)
            made = [
                StorageListeners(
                    _QUEUES, BlobOptions(8, threshold), function, "test-host", str(number)
                )
                for number, function in enumerate(functions)
            ]
            listeners = [
                one.blobs([(found, trigger, self.connection)], self.connection) for one in made
            ]
            running = [asyncio.create_task(listener.run()) for listener in listeners]
            try:
                await asyncio.to_thread(_wait, until)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                for listener, one in zip(listeners, made, strict=True):
                    await listener.finish()
                    one.storage.close()

        asyncio.run(main())


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(blobs, "POLLING_INTERVAL", 0.2)


@pytest.fixture
def bench(storage):
    bench = _Bench(storage)
    yield bench
    bench.service.close()
    bench.queues.close()


def test_containers_are_scanned_every_ten_seconds(monkeypatch):
    monkeypatch.undo()
    assert blobs.POLLING_INTERVAL == 10


def test_blob_is_run_once_with_its_content_and_what_the_path_captures(bench):
    bench.upload("a/b.ndjson", b"\xff1")
    function = _Function()
    bench.listen(function, until=lambda: function.seen, path="uploads/{name}.ndjson")
    assert function.seen == [("uploads/a/b.ndjson", b"\xff1")]
    [metadata] = function.metadata
    assert metadata["name"].string == "a/b"
    properties = json.loads(metadata["Properties"].json)
    assert properties["ContentLength"] == 2
    assert properties["ETag"].startswith('"')


def test_blob_that_does_not_match_the_path_is_left_alone(bench):
    bench.upload("a.csv", b"1")
    bench.upload("b.ndjson", b"2")
    function = _Function()
    bench.listen(function, until=lambda: function.seen, path="uploads/{name}.ndjson")
    assert [name for name, _ in function.seen] == ["uploads/b.ndjson"]
    assert len(bench.receipts()) == 1


def test_receipt_keeps_a_version_from_running_again_after_a_restart(bench):
    bench.upload("a", b"1")
    first = _Function()
    bench.listen(first, until=lambda: first.seen)
    [receipt] = bench.receipts()
    assert receipt.startswith(_RECEIPTS)
    assert receipt.endswith("/uploads/a")
    bench.upload("b", b"2")
    second = _Function()
    bench.listen(second, until=lambda: second.seen)
    assert second.seen == [("uploads/b", b"2")]


def test_new_version_of_a_blob_runs_again(bench):
    bench.upload("a", b"1")
    function = _Function()
    bench.listen(function, until=lambda: function.seen)
    bench.upload("a", b"1")
    bench.listen(function, until=lambda: len(function.seen) == 2)
    assert len(bench.receipts()) == 2


def test_two_instances_run_a_version_once(bench):
    for number in range(20):
        bench.upload(f"{number}", b"x")
    one, other = _Function(), _Function()
    bench.listen(one, other, until=lambda: len(one.seen) + len(other.seen) >= 20)
    names = [name for name, _ in one.seen + other.seen]
    assert len(names) == len(set(names)) == 20


def test_failed_blob_is_run_five_times_and_then_poison(bench):
    bench.upload("a", b"1")
    bench.upload("b", b"2")
    function = _Function(lambda name: name.endswith("b"))
    bench.listen(function, until=bench.poison)
    assert [name for name, _ in function.seen].count("uploads/a") == 5
    [message] = bench.poison()
    assert message == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.take",
        "BlobType": "BlockBlob",
        "ContainerName": "uploads",
        "BlobName": "a",
        "ETag": message["ETag"],
    }


def test_blob_that_was_deleted_or_replaced_is_not_run_for_its_old_version(bench):
    bench.upload("a", b"old")
    bench.upload("b", b"gone")

    def behave(name):
        if len(function.seen) == 1:
            bench.upload("a", b"new")
            bench.container.delete_blob("b")
        return False

    bench.upload("0", b"first")
    function = _Function(behave)
    bench.listen(
        function, until=lambda: len(bench.poison()) >= 2 and ("uploads/a", b"new") in function.seen
    )
    after = [seen for seen in function.seen if seen[0] != "uploads/0"]
    # Those that were taken before the change may have run once with what they were.
    assert after.count(("uploads/b", b"gone")) <= 1
    assert after.count(("uploads/a", b"old")) <= 1


def test_container_need_not_exist(bench):
    function = _Function()
    appeared = []

    def until():
        if not appeared:
            appeared.append(True)
            time.sleep(0.3)
            bench.upload("a", b"1")
        return function.seen

    bench.listen(function, until=until)
    assert function.seen == [("uploads/a", b"1")]


@pytest.mark.parametrize(
    ("parallelism", "batch", "threshold"),
    [(100, 32, 68), (64, 32, 32), (16, 9, 7), (3, 2, 1), (2, 2, 0), (1, 1, 0)],
)
def test_parallelism_is_split_as_the_extension_splits_it(parallelism, batch, threshold):
    options = queue_options(BlobOptions(parallelism, 5))
    assert (options.batch_size, options.new_batch_threshold) == (batch, threshold)
    assert options.max_dequeue_count == 5


def test_blob_options_are_read_from_host_json(tmp_path):
    path = tmp_path / "host.json"
    section = {"blobs": {"maxDegreeOfParallelism": 2, "poisonBlobThreshold": 1}}
    path.write_text(json.dumps({"version": "2.0", "extensions": section}))
    assert read(path, {}).blobs == BlobOptions(2, 1)
    path.write_text(json.dumps({"version": "2.0"}))
    assert read(path, {}).blobs.poison_threshold == 5


@pytest.mark.parametrize("path", ["", "{container}/x", "up/{a}/{a}"])
def test_path_that_is_none_is_refused(path):
    with pytest.raises(BlobPathError):
        BlobPath.parse(path)


@pytest.mark.parametrize(
    ("path", "name", "captured"),
    [
        ("c", "a/b", {"name": "a/b"}),
        ("c/{name}", "a/b.x", {"name": "a/b.x"}),
        ("c/{name}.{ext}", "a.b.x", {"name": "a.b", "ext": "x"}),
        ("c/in/{name}", "out/a", None),
        ("c/a.x", "abx", None),
    ],
)
def test_path_captures_parts_of_a_name(path, name, captured):
    assert BlobPath.parse(path).captures(name) == captured


def test_listeners_share_one_storage(bench):
    """One set of clients and threads for all listeners of a worker."""
    made = StorageListeners(_QUEUES, BlobOptions(8, 5), _Function(), "test-host", "x")
    assert isinstance(made.storage, Storage)
    made.storage.close()
