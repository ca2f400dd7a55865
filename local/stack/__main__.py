"""`python -m local.stack`: start, stop and describe the local stack."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from local.stack import DEFAULT_HOME, Stack, StackError, stop

_EXAMPLES = """\
examples:
  python -m local.stack up             start Postgres and Azurite, or find them running
  python -m local.stack status         what runs, since when, on which ports
  python -m local.stack status --json  the same for a program
  python -m local.stack url            the database URL; it holds no password
  python -m local.stack down           stop both; the data stay
  python -m local.stack erase          stop both and delete their data
"""


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    home: Path = options.home
    try:
        if options.command in {"down", "erase"}:
            ran = stop(home, erase=options.command == "erase")
            print("Stopped." if ran else "Nothing runs here.")
            return 0
        stack = Stack.ensure(home) if options.command == "up" else Stack.find(home)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    if stack is None:
        print("Not running. Start it with: make up", file=sys.stderr)
        return 1
    if options.command == "url":
        print(json.dumps({"url": stack.database_url()}) if options.json else stack.database_url())
    else:
        facts = _facts(stack)
        if options.json:
            print(json.dumps(facts, indent=1))
        else:
            print("\n".join(f"{name:<9} {fact}" for name, fact in facts.items()))
    return 0


def _facts(stack: Stack) -> dict[str, str]:
    postgres, azurite = stack.postgres, stack.azurite
    return {
        "postgres": f"{stack.postgres_version}, port {postgres.port}, process {postgres.pid},"
        f" since {postgres.started}",
        "azurite": f"{stack.azurite_version}, ports {azurite.blob} (blob), {azurite.queue} (queue),"
        f" {azurite.table} (table), process {azurite.pid}, since {azurite.started}",
        "database": stack.database_url(),
        "passwords": str(stack.home.passfile),
        "data": postgres.data,
        "logs": str(stack.home.postgres_log.parent),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.stack",
        description="The local stack: Postgres 18 and Azurite, on this machine alone.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("up", "down", "erase", "status", "url"))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--home", type=Path, default=DEFAULT_HOME, help="folder of the stack (default: .opsplane)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
