"""`python -m local.demo`: the main job end to end, on this machine."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from local.demo.ingest import BATCH
from local.demo.place import DemoRunningError, Place, alone
from local.demo.provision import CommandFailedError
from local.demo.run import Run
from local.demo.screen import Screen
from local.environment import stack_for_a_while
from local.host import HostError
from local.stack import DEFAULT_HOME, Stack, StackError, stop

_EXAMPLES = f"""\
examples:
  python -m local.demo                        2,000 orders, under a minute
  python -m local.demo --count 20000          more of them, in requests of {BATCH}
  python -m local.demo --seed 8 --workers 1   other people, one instance of the app
  python -m local.demo --keep                 leave Postgres and Azurite running, to look around
  python -m local.demo --fresh                on a new stack that is deleted afterwards
  python -m local.demo --json > demo.json     the result for a program; the rest on standard error

exit codes: 0 everything was as expected, 1 something was not, 130 interrupted (Ctrl-C)
"""
_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    screen = Screen(sys.stderr if asked.json else sys.stdout)
    try:
        # Alone before the stack is touched: whoever comes second may not stop it.
        with alone(asked.home / "demo"), _stack(asked) as stack:
            place = Place(stack, stack.home.root / "demo")
            run = Run(place, screen, asked.count, asked.seed, asked.workers)
            held = run()
            if asked.keep:
                _hint(screen, place)
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left running.", file=sys.stderr)
        return _INTERRUPTED
    except (StackError, HostError, DemoRunningError, CommandFailedError, OSError) as error:
        print(f"\nThe demo could not go on: {error}", file=sys.stderr)
        return 1
    if asked.json:
        print(json.dumps(run.facts, indent=1))
    return 0 if held else 1


def _stack(asked: argparse.Namespace) -> AbstractContextManager[Stack]:
    home: Path = asked.home
    if asked.fresh:
        home = home / "fresh"
        stop(home, erase=True)
    return stack_for_a_while(home, keep=asked.keep, erase=asked.fresh)


def _hint(screen: Screen, place: Place) -> None:
    screen.section("Left running")
    screen.fact("database", place.stack.admin_url(place.database))
    screen.fact("host log", str(place.host_log))
    screen.line("stop it with: make down")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _at_least(least: int, text: str) -> int:
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.demo",
        description="Admits repair orders about invented people, and proves that nobody sees them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--count", type=lambda text: _at_least(3, text), default=2000, help="orders (2000)")
    add("--seed", type=int, default=7, help="same seed, same orders (7)")
    add("--workers", type=lambda text: _at_least(1, text), default=2, help="instances (2)")
    add("--json", action="store_true", help="print the result as JSON")
    stack = parser.add_mutually_exclusive_group()
    stack.add_argument("--keep", action="store_true", help="leave the stack running afterwards")
    stack.add_argument("--fresh", action="store_true", help="on a new stack, deleted afterwards")
    add("--home", type=Path, default=DEFAULT_HOME, help="folder of the stack (.opsplane)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
