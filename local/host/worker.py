"""One worker process: an engine, an HTTP server on the shared socket, and its listeners."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from local.host import host_json
from local.host.admin import Admin
from local.host.channel import Order, Report, receive_order
from local.host.engine import Engine, EngineError
from local.host.invocations import Invocations
from local.host.keys import Keys
from local.host.listeners import Listeners
from local.host.routes import Routes
from local.host.settings import Settings, SettingsError
from local.host.triggers import Function, function
from local.host.web import BODY_LIMIT, Web

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.host.host_json import HostOptions

log = logging.getLogger("host.worker")

_GATEWAY_TIMEOUT = 504
_KEEP_ALIVE = 130
_KERNEL_BACKLOG = 1024
# The real host gives a worker this long to import and index the app.
_INIT_LIMIT = 10.0


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers; the supervisor decides when a worker stops."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    """Entry point; the arguments are the descriptors of the order pipe and the report pipe."""
    orders, reports = (int(argument) for argument in sys.argv[1:3])
    # Ctrl-C reaches the whole process group; only the supervisor acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = receive_order(orders)
    for name, value in order.settings.items():
        os.environ.setdefault(name, value)
    _log_to_stderr(order)

    def report(answer: Report) -> None:
        os.write(reports, answer.to_line())

    try:
        asyncio.run(_Worker(order).run(report))
    except (EngineError, SettingsError) as error:
        report(Report(error=str(error), detail=getattr(error, "stack", "")))
        raise SystemExit(1) from None


def _log_to_stderr(order: Order) -> None:
    label = f" [{order.slot}]" if order.workers > 1 else ""
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s{label} %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    logging.getLogger("host").setLevel(logging.DEBUG if order.verbose else logging.INFO)
    # The storage SDK logs every request's headers at INFO.
    logging.getLogger("azure").setLevel(logging.WARNING)


class _Worker:
    """What a worker process owns while it runs."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._settings = Settings(dict(os.environ))
        self._app_dir = Path(order.app_dir)

    async def run(self, report: Callable[[Report], None]) -> None:
        """Start, report readiness, serve until SIGTERM, finish what is in flight."""
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        began = time.perf_counter()
        options = host_json.read(self._app_dir / "host.json", self._settings.values)
        engine = Engine()
        indexed = await engine.start(self._app_dir)
        functions = [function(found, self._settings) for found in indexed]
        took = time.perf_counter() - began
        invocations = Invocations(engine, options.function_timeout)
        listeners = Listeners(
            functions,
            options=options,
            settings=self._settings,
            invocations=invocations,
            app_dir=self._app_dir,
            # A restarted worker of this slot takes its own timer locks over at once.
            holder=f"{self._order.address}/{self._order.slot}",
        )
        server = self._server(functions, options, invocations, listeners)
        shared = socket.socket(fileno=self._order.socket)
        serving = asyncio.create_task(server.serve(sockets=[shared]))
        await server.listening.wait()
        # asyncio set the queue of the shared socket to its own batch size; see _server.
        shared.listen(_KERNEL_BACKLOG)
        overdue = asyncio.create_task(
            invocations.refuse_overdue(self._order.response_limit, _GATEWAY_TIMEOUT)
        )
        listeners.start()
        notes = listeners.notes
        if took > _INIT_LIMIT:
            notes = [*notes, f"indexing took {took:.1f} s; Azure gives up after {_INIT_LIMIT:g} s"]
        listed = [found.describe(options.route_prefix) for found in functions]
        report(Report(functions=listed, notes=notes, seconds=took))
        await stop.wait()
        server.should_exit = True
        overdue.cancel()
        finished, _ = await asyncio.gather(
            invocations.idle(self._order.grace), listeners.stop(self._order.grace)
        )
        if not finished:
            log.warning("stopping with unfinished invocations after %g s", self._order.grace)
            os._exit(0)
        await serving
        engine.stop()

    def _server(
        self,
        functions: list[Function],
        options: HostOptions,
        invocations: Invocations,
        listeners: Listeners,
    ) -> _Server:
        order = self._order
        keys = Keys.parse(order.keys, "keys") if order.keys is not None else None
        limit = self._settings.values.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT")
        web = Web(
            Routes(functions, options.route_prefix),
            keys,
            invocations=invocations,
            admin=Admin(functions, options.route_prefix, listeners.run_once),
            custom_headers=options.custom_headers,
            body_limit=int(limit) if limit else BODY_LIMIT,
        )
        return _Server(
            uvicorn.Config(
                web,
                http="httptools",
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                access_log=False,
                log_config=None,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=max(1, round(order.grace)),
                # asyncio accepts this many connections per turn; a small number spreads a burst
                # of connections over the workers that share the socket.
                backlog=1 if order.workers > 1 else _KERNEL_BACKLOG,
            )
        )


if __name__ == "__main__":
    main()
