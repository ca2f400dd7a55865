"""Where the demo runs: its folder, database and storage account, made anew for every run."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.environment import LocalEnvironment
from local.issuer import Issuer
from local.stack import Stack
from local.stack.azurite import TEST_ACCOUNTS

DATABASE = "demo"
ACCOUNT = TEST_ACCOUNTS[-1]
"""Not the account of `make up`: its queues and containers are none of the demo's business."""


class DemoRunningError(RuntimeError):
    """Another demo runs in the same folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a run needs to be given; tests give parts of the test stack."""

    stack: Stack
    folder: Path
    database: str = DATABASE
    account: str = ACCOUNT

    @property
    def storage(self) -> str:
        return self.stack.storage(self.account)

    @property
    def host_log(self) -> Path:
        return self.folder / "host.log"

    @contextmanager
    def prepared(self) -> Iterator[LocalEnvironment]:
        """Make an empty environment: no rows, no keys, no blobs, no log of an earlier run."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.stack.drop_database(self.database)
        self.stack.create_database(self.database)
        _empty(self.storage)
        shutil.rmtree(self.folder / "keys", ignore_errors=True)
        self.host_log.unlink(missing_ok=True)
        with Issuer.start(self.folder / "issuer") as issuer:
            yield LocalEnvironment(self.stack, issuer, self.database, self.folder, self.storage)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only demo in a folder. Raises `DemoRunningError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoRunningError(f"A demo runs already in {folder}.") from None
        yield


def _empty(connection: str) -> None:
    with BlobServiceClient.from_connection_string(connection) as blobs:
        for container in blobs.list_containers():
            blobs.delete_container(container.name)
    with QueueServiceClient.from_connection_string(connection) as queues:
        for queue in queues.list_queues():
            queues.delete_queue(queue.name)
    with TableServiceClient.from_connection_string(connection) as tables:
        for table in tables.list_tables():
            tables.delete_table(table.name)
