"""The parent process: binds the socket once, keeps N workers running, stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from local.host.channel import Order, Report
from local.host.gate import Gate
from local.host.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

_BACKLOG = 1024
_KILL_AFTER = 5.0
# A worker that lived this long restarts at once; quicker deaths wait longer each time.
_HEALTHY_LIFE = 10.0
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 10.0

_BOOT = (
    "import sys; sys.path.insert(1, sys.argv.pop(1)); from local.host.worker import main; main()"
)
_ROOT = str(Path(__file__).resolve().parents[2])


@dataclass(eq=False, slots=True)
class _Slot:
    """One worker's place; `process` is None between a death and the restart."""

    number: int
    process: asyncio.subprocess.Process | None = None
    report: Report | None = None
    ready: bool = False
    quick_deaths: int = field(default=0)


class Supervisor:
    """Runs the workers of one host until it is told to stop."""

    def __init__(
        self,
        order: Order,
        host: str,
        port: int,
        ready_file: Path | None,
        say: Callable[[str], None],
    ) -> None:
        """`order` is the template; each worker's copy gets its slot, socket and address."""
        self._order = order
        self._host = host
        self._port = port
        self._ready_file = ready_file
        self._say = say
        self._slots = [_Slot(number) for number in range(order.workers)]
        self._stopping = asyncio.Event()
        self._failed: Report | None = None
        self._cut_short = False

    async def run(self) -> int:
        """Run until a signal; the exit status is 0 after an orderly stop and 1 otherwise."""
        listener = self._bind()
        address = f"{self._host}:{listener.getsockname()[1]}"
        self._order = replace(self._order, socket=listener.fileno(), address=address)
        self._order.settings.setdefault("WEBSITE_HOSTNAME", address)
        self._handle_signals()
        gate = Gate(listener)
        gate.open()
        keepers = [asyncio.create_task(self._keep(slot, gate)) for slot in self._slots]
        try:
            await self._stopping.wait()
            gate.close()
            self._signal(signal.SIGTERM)
            # The workers close theirs too, so that new callers are refused, not kept waiting.
            listener.close()
            await self._end(keepers)
        finally:
            gate.close()
            listener.close()
            if self._ready_file is not None:
                self._ready_file.unlink(missing_ok=True)
        if self._failed is not None:
            self._say(f"\nThe function app does not start: {self._failed.error}")
            if self._failed.detail:
                self._say(self._failed.detail.rstrip())
            return 1
        return 1 if self._cut_short else 0

    def stop(self) -> None:
        """Ask the workers to finish; asked again, kill them."""
        if self._stopping.is_set():
            self._cut_short = True
            self._signal(signal.SIGKILL)
        self._stopping.set()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
        except OSError as error:
            listener.close()
            raise SettingsError(f"cannot listen on {self._host}:{self._port}: {error}") from error
        listener.listen(_BACKLOG)
        listener.settimeout(0)
        return listener

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    def _signal(self, number: signal.Signals) -> None:
        for slot in self._slots:
            if slot.process is not None and slot.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    slot.process.send_signal(number)

    async def _end(self, keepers: list[asyncio.Task[None]]) -> None:
        _, late = await asyncio.wait(keepers, timeout=self._order.grace + _KILL_AFTER)
        if late:
            self._say("workers did not stop in time; killing them")
            self._cut_short = True
            self._signal(signal.SIGKILL)
            await asyncio.wait(late)

    async def _keep(self, slot: _Slot, gate: Gate) -> None:
        """Run a worker in this slot, again and again, until the host stops."""
        while not self._stopping.is_set():
            began = time.monotonic()
            status = await self._run_worker(slot, gate)
            if self._stopping.is_set():
                return
            if slot.report is None or slot.report.error:
                self._failed = slot.report or Report(error=f"worker exited with status {status}")
                self._stopping.set()
                return
            lived = time.monotonic() - began
            slot.quick_deaths = 0 if lived > _HEALTHY_LIFE else slot.quick_deaths + 1
            wait = 0.0
            if slot.quick_deaths > 1:
                wait = min(_FIRST_WAIT * 2 ** (slot.quick_deaths - 2), _LONGEST_WAIT)
            self._say(f"worker {slot.number} ended with status {status}; restarting it")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)

    async def _run_worker(self, slot: _Slot, gate: Gate) -> int:
        """One life of a worker; a first life without a report is told from `slot.report`."""
        order_read, order_write = os.pipe()
        report_read, report_write = os.pipe()
        try:
            slot.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _BOOT,
                _ROOT,
                str(order_read),
                str(report_write),
                stdin=asyncio.subprocess.DEVNULL,
                cwd=self._order.app_dir,
                pass_fds=(order_read, report_write, self._order.socket),
            )
        finally:
            os.close(order_read)
            os.close(report_write)
        if self._stopping.is_set():
            # The signal came while this worker was being started and did not reach it.
            slot.process.terminate()
        try:
            os.write(order_write, replace(self._order, slot=slot.number).to_line())
            line = await _read_line(report_read)
            if line:
                self._reported(slot, Report.from_line(line), gate)
            status = await slot.process.wait()
        finally:
            os.close(order_write)
            os.close(report_read)
            slot.ready = False
        if not any(other.ready for other in self._slots) and not self._stopping.is_set():
            gate.open()
        return status

    def _reported(self, slot: _Slot, report: Report, gate: Gate) -> None:
        first = slot.report is None
        if not first and report.error:
            # The app ran before: someone is editing it. Say why and try again with backoff.
            self._say(f"worker {slot.number} cannot start: {report.error}")
            return
        slot.report = report
        if report.error:
            return
        slot.ready = True
        gate.close()
        if all(other.ready for other in self._slots):
            self._announce(report, listing=first)

    def _announce(self, report: Report, *, listing: bool) -> None:
        port = int(self._order.address.rpartition(":")[2])
        if listing:
            self._say("\nFunctions:\n")
            for found in report.functions:
                self._say(f"    {found['name']}: {found['trigger']} {found['detail']}")
            self._say("")
            for note in report.notes:
                self._say(f"note: {note}")
        if self._ready_file is not None:
            ready = {
                "port": port,
                "pid": os.getpid(),
                "workers": [slot.process.pid for slot in self._slots if slot.process],
                "functions": report.functions,
            }
            # Renamed into place, so that nobody reads half a file.
            partial = self._ready_file.with_name(self._ready_file.name + ".new")
            partial.write_text(json.dumps(ready), encoding="utf-8")
            partial.replace(self._ready_file)
        self._say(
            f"Host ready on http://{self._order.address} "
            f"({len(report.functions)} functions, {self._order.workers} worker(s), "
            f"indexed in {report.seconds:.2f} s)"
        )


async def _read_line(descriptor: int) -> bytes:
    """The first line from a pipe, or what there was before it ended."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(descriptor), "rb")
    )
    try:
        return await reader.readline()
    finally:
        transport.close()
