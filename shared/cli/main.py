"""The entry: from an argument list to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shared.cli import (
    approval,
    contract,
    db,
    environment,
    grant,
    group,
    health,
    ingest,
    ledger,
    policy,
    principal,
    problems,
    quarantine,
    receipt,
    role,
    run,
    settings,
    tenant,
)
from shared.cli.commands import Parser, UsageError
from shared.cli.session import Session
from shared.kernel.errors import OpsError

if TYPE_CHECKING:
    from shared.bootstrap import Ports

_GROUPS = (
    settings,
    db,
    environment,
    policy,
    approval,
    group,
    tenant,
    principal,
    role,
    grant,
    contract,
    ingest,
    receipt,
    quarantine,
    run,
    ledger,
    health,
)
"""In the order in which an environment is set up."""

_EPILOG = """\
who is calling:
  OPS_TOKEN or --token-file   an operator's bearer token, verified as over HTTP
  OPS_API_KEY                 a static key, where the environment takes them (local_parity)
  neither, in Azure           whoever is signed in (Azure CLI, workload or managed identity)
  db and environment init run as the migrator's database login.

exit codes:
"""


def parser() -> Parser:
    """Return the parser of every command."""
    codes = "\n".join(f"  {code:<3} {meaning}" for code, meaning in problems.EXIT_CODES.items())
    root = Parser(
        prog="opsplane",
        description="Sets up and operates an Opsplane environment.",
        epilog=_EPILOG + codes + "\n\nexample:\n  opsplane tenant create north --group field",
    )
    groups = root.add_subparsers(title="groups", metavar="GROUP", required=True)
    for noun in _GROUPS:
        noun.register(groups)
    return root


def main(
    arguments: Sequence[str] | None = None,
    variables: Mapping[str, str] | None = None,
    ports: Ports | None = None,
) -> int:
    """Run one command and return its exit code; tests give variables and ports of their own."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words, os.environ if variables is None else variables, ports)
    except KeyboardInterrupt:
        return problems.INTERRUPTED
    except BrokenPipeError:
        # The reader has left (`opsplane … | head`); nothing more can be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return problems.FAILED


def _run(words: list[str], variables: Mapping[str, str], ports: Ports | None) -> int:
    try:
        options = parser().parse_args(words)
    except UsageError as error:
        return _fail(problems.Usage.of(error), as_json="--json" in words)
    except SystemExit as end:
        # argparse has printed the help that was asked for.
        return int(end.code or problems.OK)
    session = Session(options, variables, ports)
    try:
        answer = options.run(session)
    except OpsError as error:
        session.count_refusal(error)
        return _fail(error, as_json=options.json)
    except Exception as defect:
        if isinstance(defect, BrokenPipeError):
            raise
        return _fail(problems.Unexpected.of(defect), as_json=options.json)
    finally:
        session.close()
    print(answer.text(as_json=options.json), flush=True)
    return int(answer.exit_code)


def _fail(error: OpsError, *, as_json: bool) -> int:
    print(problems.text(error, as_json=as_json), file=sys.stderr, flush=True)
    return problems.exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
