"""The listeners of one worker: which functions get one, starting them and stopping them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import socket
from typing import TYPE_CHECKING, Protocol

from local.host import engine, ncrontab, schedule_status
from local.host.engine import EngineError
from local.host.schedule_status import timer_info
from local.host.triggers import BlobTrigger, QueueTrigger, TimerTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.host.host_json import HostOptions
    from local.host.invocations import Invocations
    from local.host.ncrontab import Schedule
    from local.host.settings import Settings
    from local.host.storage_listeners import StorageListeners
    from local.host.triggers import Function

log = logging.getLogger("host.listeners")

_HOST_STORAGE = "AzureWebJobsStorage"


class _Listener(Protocol):
    async def run(self) -> None: ...
    async def finish(self) -> None: ...


class Listeners:
    """The queue, timer and blob listeners; `notes` says which functions have none and why."""

    def __init__(  # noqa: PLR0913 -- what listeners are made of
        self,
        functions: Sequence[Function],
        *,
        options: HostOptions,
        settings: Settings,
        invocations: Invocations,
        app_dir: Path,
        holder: str,
    ) -> None:
        self._options = options
        self._settings = settings
        self._invocations = invocations
        self._host_id = settings.values.get("AzureFunctionsWebHost__hostid") or host_id(app_dir)
        self._holder = holder
        self._made_by: StorageListeners | None = None
        self._listeners: list[_Listener] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.notes: list[str] = []
        for function in functions:
            self._add(function)
        self._add_blobs(functions)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._guard(found)) for found in self._listeners]

    async def stop(self, within: float) -> None:
        """Take no more work, then wait up to `within` seconds for what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        finishing = [asyncio.create_task(found.finish()) for found in self._listeners]
        if finishing:
            await asyncio.wait(finishing, timeout=within)
        if self._made_by is not None:
            self._made_by.storage.close()

    async def run_once(self, function: Function, text: str) -> None:
        """Run a queue or timer function by hand, outside its listener."""
        if isinstance(function.trigger, TimerTrigger):
            data = engine.as_json(timer_info(None, past_due=False))
        else:
            data = engine.text(text)
        await self._invocations.run(function, data)

    async def _guard(self, listener: _Listener) -> None:
        try:
            await listener.run()
        except Exception:
            log.exception("a listener ended; restart the host to run its function again")
            raise

    def _add(self, function: Function) -> None:
        """Make a function's listener, if it needs one and its storage is known."""
        trigger = function.trigger
        if isinstance(trigger, TimerTrigger):
            # A schedule is checked even where the timer cannot run.
            schedule = _schedule(function, trigger)
            if connection := self._connection(function, _HOST_STORAGE):
                made = self._maker().timer(function, trigger, schedule, connection)
                self._listeners.append(made)
            return
        if not isinstance(trigger, QueueTrigger):
            return
        if connection := self._connection(function, trigger.connection):
            self._listeners.append(self._maker().queue(function, trigger, connection))

    def _add_blobs(self, functions: Sequence[Function]) -> None:
        """Make the one listener of all blob functions; their receipts lie in the host's storage."""
        found = [
            (function, function.trigger, connection)
            for function in functions
            if isinstance(function.trigger, BlobTrigger)
            and (connection := self._connection(function, function.trigger.connection))
        ]
        if found and (hosts := self._connection(found[0][0], _HOST_STORAGE)):
            self._listeners.append(self._maker().blobs(found, hosts))

    def _connection(self, function: Function, name: str) -> str | None:
        if function.disabled:
            return None
        connection = self._settings.connection(name)
        if connection is None:
            self.notes.append(f"{function.name} does not run: the setting {name} is missing")
        return connection

    def _maker(self) -> StorageListeners:
        """Made at first need: an app with HTTP functions alone starts without the storage SDK."""
        if self._made_by is None:
            from local.host.storage_listeners import StorageListeners  # noqa: PLC0415 -- see above

            self._made_by = StorageListeners(
                self._options.queues,
                self._options.blobs,
                self._invocations,
                self._host_id,
                self._holder,
            )
        return self._made_by


def _schedule(function: Function, trigger: TimerTrigger) -> Schedule:
    try:
        schedule = ncrontab.parse(trigger.schedule)
        schedule.after(schedule_status.now())
    except ncrontab.ScheduleError as error:
        raise EngineError(f"function {function.name}: schedule: {error}") from error
    return schedule


def host_id(app_dir: Path) -> str:
    """Machine and path, as the local host makes it: at most 32 characters."""
    machine = re.sub(r"[^a-z0-9]", "", socket.gethostname().lower())[:20]
    digest = hashlib.sha256(str(app_dir).encode()).digest()
    return f"{machine}-{int.from_bytes(digest[:4]) & 0x7FFFFFFF}"
