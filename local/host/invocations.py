"""Running functions: what is in flight, how long it may take, and waiting for it to finish."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from local.host.engine import Attempt, Data, Engine, Outcome
    from local.host.triggers import Function

log = logging.getLogger("host.invocations")

# The worker exits with this status when a function overran functionTimeout.
EXIT_TIMED_OUT = 75
_LAST_WORDS = 1.0


@dataclass(eq=False, slots=True)
class Running:
    """One invocation in flight; `refuse` answers its HTTP caller before the function has."""

    id: str
    function: str
    started: float
    refuse: Callable[[int], Awaitable[None]] | None = None
    settled: bool = field(default=False)


class Invocations:
    """Runs functions on the engine and knows which are still running."""

    def __init__(self, engine: Engine, function_timeout: float | None) -> None:
        self._engine = engine
        self._timeout = function_timeout
        self._running: dict[str, Running] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._loop = asyncio.get_running_loop()
        self._debug = log.isEnabledFor(logging.DEBUG)
        if function_timeout is not None:
            threading.Thread(
                target=self._watch, args=(function_timeout,), name="function-timeout", daemon=True
            ).start()

    async def run(  # noqa: PLR0913 -- what an invocation can carry
        self,
        function: Function,
        data: Data,
        *,
        metadata: Mapping[str, Data] | None = None,
        traceparent: str = "",
        attempt: Attempt | None = None,
        refuse: Callable[[int], Awaitable[None]] | None = None,
    ) -> Outcome:
        """Invoke a function and log how it ended; the payload is never logged."""
        running = Running(str(uuid.uuid4()), function.name, time.monotonic(), refuse)
        self._running[running.id] = running
        self._idle.clear()
        try:
            outcome = await self._engine.invoke(
                running.id,
                function.id,
                function.argument,
                data,
                metadata=metadata,
                traceparent=traceparent,
                attempt=attempt,
            )
        finally:
            del self._running[running.id]
            running.settled = True
            if not self._running:
                self._idle.set()
        if not outcome.ok:
            log.error("%s failed (%s)\n%s", function.name, running.id, outcome.stack.rstrip())
        elif self._debug:
            took = (time.monotonic() - running.started) * 1000
            log.debug("%s succeeded (%s, %.1f ms)", function.name, running.id, took)
        return outcome

    async def idle(self, within: float) -> bool:
        """Wait for every invocation to end; False when some still run after `within` seconds."""
        try:
            await asyncio.wait_for(self._idle.wait(), within)
        except TimeoutError:
            return False
        return True

    async def refuse_overdue(self, limit: float, status: int) -> None:
        """Answer every HTTP caller that has waited `limit` seconds; its function goes on.

        Runs until cancelled.
        """
        pause = min(1.0, limit / 4)
        while True:
            await asyncio.sleep(pause)
            latest = time.monotonic() - limit
            for running in list(self._running.values()):
                if running.started > latest:
                    break
                await self._refuse(running, status)

    async def _refuse(self, running: Running, status: int) -> None:
        if running.refuse is not None and not running.settled:
            running.settled = True
            await running.refuse(status)

    def _watch(self, limit: float) -> None:
        """End the process when a function overruns: the engine cannot cancel one.

        A thread, because an async function that blocks holds up the event loop.
        """
        pause = min(1.0, limit / 4)
        while True:
            time.sleep(pause)
            overdue = next(iter(list(self._running.values())), None)
            if overdue is not None and time.monotonic() - overdue.started > limit:
                log.error(
                    "%s ran longer than functionTimeout (%g s): the worker process restarts, and "
                    "its other invocations fail (%s)",
                    overdue.function,
                    limit,
                    overdue.id,
                )
                self._fail_all()
                os._exit(EXIT_TIMED_OUT)

    def _fail_all(self) -> None:
        """Answer 500 to every HTTP caller, if the event loop still turns."""

        async def answer() -> None:
            for running in list(self._running.values()):
                await self._refuse(running, 500)
            # The answers are in the transports' buffers or sent; one turn lets the loop write.
            await asyncio.sleep(0.05)

        try:
            asyncio.run_coroutine_threadsafe(answer(), self._loop).result(_LAST_WORDS)
        except Exception:  # noqa: BLE001 -- the process ends either way
            log.warning("in-flight callers got no answer: the event loop is blocked")
