"""The queue listener against Azurite, with Python callables as functions (functions-host 3.1).

The engine's part is tested in test_end_to_end.py, through a whole host.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import threading
import time

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from local.host import queues
from local.host.engine import Outcome
from local.host.host_json import QueueOptions
from local.host.queues import QueueListener
from local.host.storage import Storage
from local.host.triggers import Function, QueueTrigger

_OPTIONS = {
    "batch_size": 16,
    "new_batch_threshold": 8,
    "max_dequeue_count": 3,
    "visibility_timeout": 0.0,
    "max_polling_interval": 0.2,
    "base64": True,
}


class _Function:
    """Stands in for the engine: notes what it is given and ends as it is told."""

    def __init__(self, behave=lambda _: True):
        self.seen: list[str] = []
        self._behave = behave

    async def run(self, _function, data, **_):
        self.seen.append(data.string)
        result = self._behave(data.string)
        if asyncio.iscoroutine(result):
            result = await result
        return Outcome(ok=result, error="" if result else "told to fail")


def _wait(until):
    deadline = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class _Bench:
    """One queue of an empty storage account, and a listener on it for as long as needed."""

    def __init__(self, connection: str, name: str = "work"):
        self.service = QueueServiceClient.from_connection_string(connection)
        self.name = name
        self.queue = self.service.get_queue_client(name)
        self.poison = self.service.get_queue_client(f"{name}-poison")
        self._connection = connection

    def send(self, *bodies: bytes, raw: bool = False) -> None:
        with contextlib.suppress(Exception):
            self.queue.create_queue()
        for body in bodies:
            text = body.decode() if raw else base64.b64encode(body).decode()
            self.queue.send_message(text)

    def count(self, queue=None) -> int:
        try:
            return (queue or self.queue).get_queue_properties().approximate_message_count
        except ResourceNotFoundError:
            return 0

    def listen(self, function: _Function, until, *, renew_after=300.0, **options) -> None:
        """Run the listener until a check holds, then stop it as the worker would."""

        async def main() -> None:
            storage = Storage()
            trigger = QueueTrigger(self.name, "Storage", binary=False)
            listener = QueueListener(
                Function("id", "consume", "msg", trigger, disabled=False),
                trigger,
                options=QueueOptions(**(_OPTIONS | options)),
                invocations=function,
                service=storage.queues(self._connection),
                storage=storage,
                renew_after=renew_after,
            )
            polling = asyncio.create_task(listener.run())
            try:
                await asyncio.to_thread(_wait, until)
            finally:
                polling.cancel()
                await asyncio.gather(polling, return_exceptions=True)
                await listener.finish()
                storage.close()

        asyncio.run(main())


@pytest.fixture
def bench(storage):
    bench = _Bench(storage)
    yield bench
    bench.service.close()


def test_message_is_deleted_after_its_function_succeeded(bench):
    bench.send(b"one", b"two")
    function = _Function()
    bench.listen(function, until=lambda: bench.count() == 0)
    assert sorted(function.seen) == ["one", "two"]


def test_queue_need_not_exist(bench):
    function = _Function()

    def appears() -> bool:
        if not function.seen:
            bench.send(b"late")
        return bool(function.seen)

    bench.listen(function, until=appears)
    assert function.seen[0] == "late"


def test_failed_message_is_retried_at_once_and_poisoned_at_the_limit(bench):
    # visibilityTimeout 0, maxDequeueCount: the last failure moves it without another delivery
    bench.send(b"bad")
    function = _Function(lambda _: False)
    bench.listen(function, until=lambda: bench.count(bench.poison) == 1)
    assert function.seen == ["bad"] * 3
    assert bench.count() == 0
    moved = bench.poison.receive_message()
    # A new message: the body is copied, the count restarts.
    assert base64.b64decode(moved.content) == b"bad"
    assert moved.dequeue_count == 1


def test_message_over_the_limit_is_poisoned_without_running(bench):
    bench.send(b"tired")
    for _ in range(4):
        taken = bench.queue.receive_message()
        bench.queue.update_message(taken.id, taken.pop_receipt, visibility_timeout=0)
    function = _Function()
    bench.listen(function, until=lambda: bench.count(bench.poison) == 1)
    assert function.seen == []


def test_text_that_is_not_base64_is_poisoned_at_once_without_running(bench):
    bench.send(b"not base64!", raw=True)
    function = _Function()
    bench.listen(function, until=lambda: bench.count(bench.poison) == 1)
    assert function.seen == []
    assert bench.poison.receive_message().content == "not base64!"


def test_encoding_none_takes_the_text_as_it_is(bench):
    bench.send(b"not base64!", raw=True)
    function = _Function()
    bench.listen(function, until=lambda: bench.count() == 0, base64=False)
    assert function.seen == ["not base64!"]


def test_bytes_that_are_no_text_fail_until_they_are_poisoned(bench):
    bench.send(b"\xff\xfe")
    function = _Function()
    bench.listen(function, until=lambda: bench.count(bench.poison) == 1)
    assert function.seen == []


def test_poison_queue_function_that_fails_is_left_hidden_and_never_skipped(storage):
    # None if the name ends in -poison: invisible until the lease ends, retried for ever
    bench = _Bench(storage, "work-poison")
    with contextlib.closing(bench.service):
        bench.send(b"again")
        for _ in range(4):
            taken = bench.queue.receive_message()
            bench.queue.update_message(taken.id, taken.pop_receipt, visibility_timeout=0)
        function = _Function(lambda _: False)
        bench.listen(function, until=lambda: len(function.seen) == 1)
        assert bench.count() == 1
        assert bench.queue.receive_message() is None


def test_failed_message_waits_for_the_visibility_timeout(bench):
    bench.send(b"later")
    function = _Function(lambda _: False)
    bench.listen(function, until=lambda: len(function.seen) == 1, visibility_timeout=300.0)
    assert bench.count() == 1
    assert bench.queue.receive_message() is None


def test_running_messages_stop_at_batch_size_plus_threshold(bench):
    bench.send(*[b"%d" % number for number in range(9)])
    go = asyncio.Event()
    most = 0
    running = 0

    async def behave() -> bool:
        nonlocal most, running
        running += 1
        most = max(most, running)
        await go.wait()
        running -= 1
        return True

    function = _Function(lambda _: behave())
    polls = 0

    def full() -> bool:
        nonlocal polls
        # Ten looks after the listener is full, it still has taken no more.
        polls += len(function.seen) >= 4
        if polls == 10:
            assert most == 4
            loop.call_soon_threadsafe(go.set)
        return polls > 10 and bench.count() == 0

    loop = None

    class _Capturing(_Function):
        async def run(self, *args, **kwargs):
            nonlocal loop
            loop = asyncio.get_running_loop()
            return await function.run(*args, **kwargs)

    bench.listen(_Capturing(), until=full, batch_size=2, new_batch_threshold=2)
    assert len(function.seen) == 9
    assert most == 4


def test_long_run_keeps_its_message_hidden(bench, monkeypatch):
    # received for 10 minutes and renewed at half: here 1 second and 0.3
    monkeypatch.setattr(queues, "RECEIVE_VISIBILITY", 1)
    bench.send(b"long")

    async def slow() -> bool:
        await asyncio.sleep(2.0)
        return True

    function = _Function(lambda _: slow())
    bench.listen(function, until=lambda: bench.count() == 0, renew_after=0.3)
    assert function.seen == ["long"]


def test_message_taken_over_by_someone_else_is_left_to_them(bench):
    # PopReceiptMismatch on delete is tolerated
    bench.send(b"theirs")

    class _Robbed(_Function):
        async def run(self, function, data, *, metadata):
            taken = metadata["Id"].string, metadata["PopReceipt"].string
            bench.queue.update_message(*taken, visibility_timeout=300)
            return await super().run(function, data)

    function = _Robbed()
    bench.listen(function, until=lambda: function.seen)
    assert function.seen == ["theirs"]
    # The listener's delete with its old receipt has changed nothing.
    assert bench.count() == 1


def test_batch_that_arrives_while_stopping_is_still_run(bench, monkeypatch):
    bench.send(b"last")
    receive = QueueListener._receive
    asked = threading.Event()

    async def slow_receive(self):
        asked.set()
        await asyncio.sleep(0.3)
        return await receive(self)

    monkeypatch.setattr(QueueListener, "_receive", slow_receive)
    function = _Function()
    bench.listen(function, until=asked.is_set)
    assert function.seen == ["last"]
    assert bench.count() == 0


def test_received_message_stays_hidden_for_ten_minutes():
    assert queues.RECEIVE_VISIBILITY == 600
