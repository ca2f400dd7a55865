"""The timer trigger: one instance at a time, no overlap, one run for what was missed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError

from local.host import engine, schedule_status
from local.host.backoff import Backoff
from local.host.engine import Attempt
from local.host.leases import PERIOD, RETRY_AFTER, Lease
from local.host.schedule_status import Status, timer_info

if TYPE_CHECKING:
    from local.host.engine import Retry
    from local.host.invocations import Invocations
    from local.host.monitor import Monitor
    from local.host.ncrontab import Schedule
    from local.host.storage import Storage
    from local.host.triggers import Function, TimerTrigger

log = logging.getLogger("host.timers")

# The clock may be set while a timer sleeps, so it looks at it at least this often.
_LONGEST_SLEEP = 30.0
_FOR_EVER = -1


class TimerListener:
    """Runs one timer function while this instance holds the timer's lock."""

    def __init__(  # noqa: PLR0913 -- what a listener is made of
        self,
        function: Function,
        trigger: TimerTrigger,
        schedule: Schedule,
        *,
        invocations: Invocations,
        storage: Storage,
        lease: Lease,
        monitor: Monitor,
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._schedule = schedule
        self._invocations = invocations
        self._storage = storage
        self._lease = lease
        self._monitor = monitor if trigger.use_monitor and schedule.is_monitored else None
        self._running: asyncio.Task[Status] | None = None

    async def run(self) -> None:
        """Take the lock, run the timer while it is held, and start again when it is lost."""
        while True:
            if not await self._lease.acquire():
                await asyncio.sleep(RETRY_AFTER)
                continue
            timer = asyncio.create_task(self._tick())
            try:
                await self._hold(timer)
            finally:
                timer.cancel()
            log.warning("%s: the timer's lock was lost", self._function.name)

    async def finish(self) -> None:
        """Wait for a run under way and give the lock back."""
        if self._running is not None:
            await asyncio.wait([self._running])
        await self._lease.release()

    async def _hold(self, timer: asyncio.Task[None]) -> None:
        while True:
            done, _ = await asyncio.wait([timer], timeout=PERIOD / 2)
            if done:
                timer.result()
            if not await self._lease.renew():
                return

    async def _tick(self) -> None:
        status = await self._start()
        while True:
            wait = (status.next - schedule_status.now()).total_seconds()
            if wait > 0:
                await asyncio.sleep(min(wait, _LONGEST_SLEEP))
            else:
                status = await self._invoke(status, past_due=False, scheduled=True)

    async def _start(self) -> Status:
        """Load the status, then run at once when a run was missed or asked for at start-up."""
        now = schedule_status.now()
        verdict = schedule_status.at_start(await self._load(), self._schedule, now)
        if verdict.store:
            await self._store(verdict.status)
        status = verdict.status
        if verdict.past_due:
            status = await self._invoke(status, past_due=True, scheduled=False)
        elif self._trigger.run_on_startup:
            status = await self._invoke(status, past_due=False, scheduled=False)
        return status

    async def _invoke(self, status: Status, *, past_due: bool, scheduled: bool) -> Status:
        """Run the function and store the status, even when this listener is cancelled meanwhile."""
        if self._running is not None:
            # A run from before the lock was lost may still be under way.
            await asyncio.wait([self._running])
        self._running = asyncio.create_task(
            self._to_the_end(status, past_due=past_due, scheduled=scheduled)
        )
        return await asyncio.shield(self._running)

    async def _to_the_end(self, status: Status, *, past_due: bool, scheduled: bool) -> Status:
        invoked = schedule_status.now()
        shown = status if self._monitor is not None else None
        await self._attempts(timer_info(shown, past_due=past_due))
        status = schedule_status.after_run(status, self._schedule, invoked, scheduled=scheduled)
        await self._store(status)
        return status

    async def _attempts(self, info: dict[str, object]) -> None:
        retry = self._trigger.retry
        delays = _delays(retry)
        attempt = Attempt()
        while True:
            outcome = await self._invocations.run(
                self._function, engine.as_json(info), attempt=attempt
            )
            if outcome.ok or retry is None:
                return
            if retry.limit != _FOR_EVER and attempt.count >= retry.limit:
                return
            await asyncio.sleep(delays.failed())
            attempt = Attempt(attempt.count + 1, retry.limit, outcome.error)

    async def _load(self) -> Status | None:
        if self._monitor is None:
            return None
        try:
            return await self._storage.call(self._monitor.load)
        except AzureError as error:
            self._unwell("read", error)
            return None

    async def _store(self, status: Status) -> None:
        """Best effort, as in the host: a lost status costs one past-due judgement."""
        if self._monitor is None:
            return
        try:
            await self._storage.call(self._monitor.store, status)
        except AzureError as error:
            self._unwell("written", error)

    def _unwell(self, what: str, error: AzureError) -> None:
        brief = str(error).partition("\n")[0]
        log.warning("%s: timer status not %s: %s", self._function.name, what, brief)


def _delays(retry: Retry | None) -> Backoff:
    """The waits between tries; a fixed delay is a backoff that cannot grow."""
    if retry is None:
        return Backoff(0, 0, 0)
    if retry.delay is not None:
        seconds = retry.delay.total_seconds()
        return Backoff(seconds, seconds, 0)
    minimum = retry.minimum.total_seconds() if retry.minimum is not None else 0
    maximum = retry.maximum.total_seconds() if retry.maximum is not None else minimum
    return Backoff(minimum, maximum, minimum)
