"""The timer listener against Azurite, with Python callables as functions (functions-host 3.2).

What a timer decides at start and after a run is tested purely in test_schedule_status.py.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from contextlib import closing
from datetime import timedelta

import pytest
from azure.storage.blob import BlobLeaseClient, BlobServiceClient

from local.host import leases, ncrontab, schedule_status, timers
from local.host.engine import Outcome, Retry
from local.host.leases import Lease
from local.host.monitor import Monitor
from local.host.schedule_status import Status
from local.host.storage import Storage
from local.host.timers import TimerListener
from local.host.triggers import Function, TimerTrigger

_STATUS = "timers/host/tick/status"
_LOCK = "locks/host/tick.Listener"
_YEARLY = "0 0 0 1 1 *"


class _Function:
    """Stands in for the engine: notes what it is given and fails as often as it is told."""

    def __init__(self, failures=0, seconds=0.0):
        self.seen = []
        self.attempts = []
        self._failures = failures
        self._seconds = seconds
        self.running = self.most = 0

    async def run(self, _function, data, *, attempt=None):
        self.running += 1
        self.most = max(self.most, self.running)
        self.seen.append(json.loads(data.json))
        self.attempts.append((attempt.count, attempt.limit, attempt.error))
        await asyncio.sleep(self._seconds)
        self.running -= 1
        failed = len(self.seen) <= self._failures
        return Outcome(ok=not failed, error="ValueError: no" if failed else "")


def _wait(until):
    deadline = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class _Bench:
    def __init__(self, connection):
        self.connection = connection
        self.blobs = BlobServiceClient.from_connection_string(connection)
        self.container = self.blobs.get_container_client(leases.CONTAINER)

    def stored(self) -> dict | None:
        blob = self.container.get_blob_client(_STATUS)
        return json.loads(blob.download_blob().readall()) if blob.exists() else None

    def remember(self, schedule: str, **ago: int) -> Status:
        """Store the status of a timer that last ran some time ago."""
        last = schedule_status.now() - timedelta(**ago)
        status = Status(last, ncrontab.parse(schedule).after(last), last)
        self.container.create_container()
        Monitor(self.blobs, _STATUS).store(status)
        return status

    def run(self, function, until, schedule=_YEARLY, *, holder="one", **trigger):
        """Run the listener until a check holds, then stop it as the worker would."""
        asyncio.run(self._run(function, until, schedule, holder, trigger))

    async def _run(self, function, until, schedule, holder, trigger):
        storage = Storage()
        blobs = storage.blobs(self.connection)
        options = {"run_on_startup": False, "use_monitor": True, "retry": None} | trigger
        trigger = TimerTrigger(schedule, **options)
        listener = TimerListener(
            Function("id", "tick", "tick", trigger, disabled=False),
            trigger,
            ncrontab.parse(schedule),
            invocations=function,
            storage=storage,
            lease=Lease(blobs, storage, _LOCK, holder),
            monitor=Monitor(blobs, _STATUS),
        )
        running = asyncio.create_task(listener.run())
        try:
            await asyncio.to_thread(_wait, until)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await listener.finish()
            storage.close()


@pytest.fixture
def bench(storage):
    bench = _Bench(storage)
    with closing(bench.blobs):
        yield bench


def test_first_start_stores_the_next_run_and_runs_nothing(bench):
    function = _Function()
    bench.run(function, until=bench.stored)
    assert function.seen == []
    assert bench.stored()["Last"] == "0001-01-01T00:00:00+00:00"
    assert bench.stored()["Next"].endswith("-01-01T00:00:00+00:00")


def test_missed_run_is_made_up_for_with_is_past_due(bench):
    missed = bench.remember(_YEARLY, days=800)
    function = _Function()
    bench.run(function, until=lambda: bench.stored() != missed.to_document())
    [info] = function.seen
    assert info == {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": missed.to_document(),
        "IsPastDue": True,
    }
    assert bench.stored()["Last"] > missed.to_document()["Last"]


def test_changed_schedule_is_not_past_due(bench):
    bench.remember(_YEARLY, days=800)
    function = _Function()
    bench.run(
        function,
        until=lambda: bench.stored()["Last"].startswith("0001"),
        schedule="0 0 0 2 1 *",
    )
    assert function.seen == []


def test_run_on_startup_runs_at_once_and_is_not_past_due(bench):
    function = _Function()
    bench.run(function, until=lambda: function.seen, run_on_startup=True)
    assert [info["IsPastDue"] for info in function.seen] == [False]


def test_due_timer_runs_again_and_again_without_overlap(bench):
    # each run takes longer than the schedule's second
    function = _Function(seconds=1.3)
    bench.run(function, until=lambda: len(function.seen) == 2, schedule="* * * * * *")
    assert function.most == 1


def test_schedule_of_every_minute_keeps_no_status(bench):
    # useMonitor is forced off; the function then gets no ScheduleStatus
    function = _Function()
    bench.run(function, until=lambda: function.seen, schedule="* * * * * *")
    assert function.seen[0]["ScheduleStatus"] is None
    assert bench.stored() is None


def test_failed_run_waits_for_the_next_occurrence_without_a_retry_policy(bench):
    function = _Function(failures=1)
    bench.run(function, until=bench.stored, run_on_startup=True)
    assert len(function.seen) == 1
    assert bench.stored() is not None


def test_retry_policy_tries_again_and_tells_the_function(bench):
    # functions-host 3.4: retries after the first try; retry_context from the 2nd try
    function = _Function(failures=9)
    retry = Retry("fixed_delay", 2, timedelta(seconds=0), None, None)
    bench.run(
        function,
        until=lambda: len(function.seen) == 3 and bench.stored(),
        run_on_startup=True,
        retry=retry,
    )
    assert function.attempts == [(0, 0, ""), (1, 2, "ValueError: no"), (2, 2, "ValueError: no")]


def test_exponential_retry_starts_at_its_minimum(bench, monkeypatch):
    waits = []
    real = asyncio.sleep

    async def sleep(seconds, *args):
        waits.append(seconds)
        await real(0 if seconds >= 1 else seconds)

    monkeypatch.setattr(timers.asyncio, "sleep", sleep)
    function = _Function(failures=3)
    retry = Retry("exponential_backoff", 3, None, timedelta(seconds=5), timedelta(seconds=12))
    bench.run(function, until=lambda: len(function.seen) == 4, run_on_startup=True, retry=retry)
    delays = [wait for wait in waits if 1 <= wait <= 12]
    assert delays[0] == 5
    assert 9 <= delays[1] <= 11
    assert delays[2] == 12


def test_one_instance_runs_a_timer_and_another_waits_for_its_lease(bench):
    first, second = _Function(), _Function()

    def held() -> bool:
        if first.seen:
            enough = time.monotonic() + 1.5
            bench.run(
                second,
                until=lambda: time.monotonic() > enough,
                schedule="* * * * * *",
                holder="two",
            )
        return bool(first.seen)

    bench.run(first, until=held, schedule="* * * * * *")
    assert second.seen == []
    # Released on stop: the next instance need not wait for the lease to end.
    bench.run(second, until=lambda: second.seen, schedule="* * * * * *", holder="two")


def test_restarted_worker_of_the_same_slot_takes_its_own_lease_over(bench):
    function = _Function()

    async def crashed() -> None:
        storage = Storage()
        assert await Lease(storage.blobs(bench.connection), storage, _LOCK, "one").acquire()
        storage.close()

    asyncio.run(crashed())
    bench.run(function, until=lambda: function.seen, schedule="* * * * * *", holder="one")


def test_lost_lease_stops_the_timer(bench, monkeypatch, caplog):
    monkeypatch.setattr(timers, "PERIOD", 0.4)
    function = _Function()
    lock = bench.container.get_blob_client(_LOCK)
    stolen = False

    def stopped() -> bool:
        nonlocal stolen
        if function.seen and not stolen:
            BlobLeaseClient(lock).break_lease(lease_break_period=0)
            lock.acquire_lease(60, lease_id=str(uuid.uuid4()))
            stolen = True
        return "lock was lost" in caplog.text

    bench.run(function, until=stopped, schedule="* * * * * *")


def test_lock_is_a_sixty_second_lease_asked_for_every_minute():
    assert (leases.PERIOD, leases.RETRY_AFTER) == (60, 60.0)
