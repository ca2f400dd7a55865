"""How groups and commands are declared, so that every one of them is used in the same way."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from shared.cli.answers import Answer
    from shared.cli.session import Session

type Run = Callable[[Session], Answer]
type Groups = argparse._SubParsersAction[Parser]  # noqa: SLF001 - argparse names it no other way


class UsageError(Exception):
    """The command line itself cannot be read."""

    def __init__(self, message: str, usage: str) -> None:
        """Keep what is wrong and how it is used."""
        super().__init__(message)
        self.message = message
        self.usage = usage


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of ending the process; no guessed spellings."""

    def __init__(self, **options: object) -> None:
        """As argparse, with texts printed as they are written."""
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,  # type: ignore[arg-type]  # passed on as argparse gives them
        )

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        raise UsageError(message, self.format_usage().strip())


def group(groups: Groups, name: str, summary: str) -> Groups:
    """Declare a group of commands, named by the noun they are about."""
    parser = groups.add_parser(name, help=summary, description=summary)
    return parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=Parser
    )


def command(groups: Groups, name: str, run: Run, summary: str, example: str) -> Parser:
    """Declare a command; ``example`` is a whole command line that works as it stands."""
    parser = groups.add_parser(
        name, help=summary, description=summary, epilog=f"example:\n  {example}"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)
    return parser


def operator_command(groups: Groups, name: str, run: Run, summary: str, example: str) -> Parser:
    """Declare a command that a verified operator runs."""
    parser = command(groups, name, run, summary, example)
    parser.add_argument(
        "--token-file", metavar="FILE", help="read the operator's token from FILE, not OPS_TOKEN"
    )
    return parser
