"""The command line: `python -m local.host`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from local.host.channel import Order
from local.host.keys import Keys
from local.host.settings import SettingsError, file_values
from local.host.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXAMPLES = """\
examples:
  python -m local.host                              serve the app of this directory on port 7071
  python -m local.host --port 0 --ready-file r.json any free port; r.json says which, once ready
  python -m local.host --workers 2 --verbose        two instances, one log line per invocation
  python -m local.host --keys keys.json             keep the keys (the file is made when missing)
  python -m local.host --no-auth                    as `func start`: no function keys asked for

The environment wins over local.settings.json. A setting such as
AzureFunctionsJobHost__extensions__queues__batchSize=1 overrides host.json.
Signals: the first SIGTERM or Ctrl-C finishes what is in flight, a second one kills.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(options))
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.host",
        description="A local Azure Functions host for Python apps (development only).",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--app-dir", type=Path, default=Path(), metavar="DIR", help="the app (default: here)")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=7071, help="0 picks a free one (default: %(default)s)")
    add("--workers", type=int, default=1, metavar="N", help="instances (default: %(default)s)")
    add(
        "--settings",
        type=Path,
        metavar="FILE",
        help="app settings (default: local.settings.json of the app)",
    )
    add("--keys", metavar="FILE", help="JSON file with keys, or env:NAME (default: random keys)")
    add("--no-auth", action="store_true", help="do not ask for function keys")
    add("--ready-file", type=Path, metavar="FILE", help="JSON file to write once ready")
    add("--grace", type=float, default=10.0, metavar="S", help="time to finish (default: 10 s)")
    add(
        "--response-limit",
        type=float,
        default=230.0,
        metavar="S",
        help="longest wait for a response (default: 230 s, as in Azure)",
    )
    add("--stop-on-eof", action="store_true", help="stop when standard input ends")
    add("--verbose", action="store_true", help="one log line per invocation")
    return parser


async def _run(options: argparse.Namespace) -> int:
    if options.workers < 1:
        raise SettingsError("--workers must be at least 1")
    app_dir = options.app_dir.resolve()
    if not app_dir.is_dir():
        raise SettingsError(f"{options.app_dir} is not a directory")
    order = Order(
        app_dir=str(app_dir),
        slot=0,
        address="",
        socket=-1,
        workers=options.workers,
        settings=_app_settings(options.settings or app_dir / "local.settings.json", app_dir),
        keys=None if options.no_auth else _keys(options.keys).to_json(),
        grace=options.grace,
        response_limit=options.response_limit,
        verbose=options.verbose,
    )
    ready_file = options.ready_file.resolve() if options.ready_file else None
    supervisor = Supervisor(order, options.host, options.port, ready_file, _say)
    if options.keys is None and not options.no_auth:
        _say("Keys are random for this run; --keys FILE keeps them, --no-auth asks for none.")
    if options.stop_on_eof:
        loop = asyncio.get_running_loop()
        threading.Thread(
            target=_stop_on_eof, args=(loop, supervisor), name="stop-on-eof", daemon=True
        ).start()
    return await supervisor.run()


def _app_settings(path: Path, app_dir: Path) -> dict[str, str]:
    """What the workers' environment gets on top of ours, which wins."""
    values = {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsScriptRoot": str(app_dir),
        **file_values(path),
    }
    return {name: value for name, value in values.items() if name not in os.environ}


def _keys(source: str | None) -> Keys:
    if source is None:
        return Keys.generate()
    if source.startswith("env:"):
        name = source.removeprefix("env:")
        if name not in os.environ:
            raise SettingsError(f"--keys {source}: the variable is not set")
        return Keys.parse(os.environ[name], source)
    return Keys.read(Path(source))


def _stop_on_eof(loop: asyncio.AbstractEventLoop, supervisor: Supervisor) -> None:
    # The descriptor itself: a buffered read would hold a lock that the interpreter wants at exit.
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(supervisor.stop)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
