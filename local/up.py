"""`python -m local.up`: an environment to try things in, and the app in the foreground.

Stack, database, tenant and grants are made when they are missing and kept when they are there, so
stopping and starting again goes on where it was.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import io
import json
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

from local.environment import (
    APPROVER,
    INGEST_AUDIENCE,
    INTAKE,
    OPERATOR_AUDIENCE,
    OWNER,
    PROJECT,
    LocalEnvironment,
    keep_stack,
)
from local.host import HostError, RunningHost
from local.issuer import Issuer
from local.stack import DEFAULT_HOME, Stack, StackError
from local.stack.home import write_secret
from shared.cli.main import main as opsplane
from shared.ingest.contracts import policy_document, shipped
from shared.policy.service import revision_of

DATABASE = "opsplane"
GROUP = "local"
TENANT = "demo"
_PORT = 7071
_PORTS = 20
_EXAMPLES = """\
examples:
  python -m local.up                start everything; Ctrl-C stops the app, `make down` the rest
  python -m local.up --workers 2    two instances of the app
  python -m local.up --port 8080    on another port
"""


class SetUpFailedError(RuntimeError):
    """A command that sets the environment up was refused; the message is the command's."""


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status: 0 after Ctrl-C, 1 when it could not start or the app ended."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _environment(asked.home) as environment:
            tenant_id = _set_up(environment)
            write_secret(environment.folder / "env", _shell(environment.settings()))
            log = environment.folder / "host.log"
            log.unlink(missing_ok=True)
            port = asked.port or _free_port()
            with environment.host(workers=asked.workers, port=port, logs=log) as host:
                print(_instructions(environment, host, tenant_id), flush=True)
                return _wait(host)
    except KeyboardInterrupt:
        print("\nThe app has stopped. Postgres and Azurite run on; stop them with: make down")
        return 0
    except (StackError, HostError, SetUpFailedError) as error:
        print(error, file=sys.stderr)
        return 1


@contextlib.contextmanager
def _environment(home: Path) -> Iterator[LocalEnvironment]:
    stack = Stack.ensure(home)
    keep_stack(stack.home.root)
    folder = stack.home.root / "up"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetUpFailedError("It runs already, in another terminal.") from None
        if not stack.has_database(DATABASE):
            stack.create_database(DATABASE)
        with Issuer.start(stack.home.root / "issuer") as issuer:
            yield LocalEnvironment(stack, issuer, DATABASE, folder, stack.storage())


def _set_up(environment: LocalEnvironment) -> str:
    """Make what is missing, by the operators' command line; return the tenant's id."""
    variables = {**environment.settings(), "OPS_TOKEN": environment.operator_token()}

    def run(*words: str, **changes: str) -> str:
        said, complaint = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaint):
            status = opsplane(words, {**variables, **changes})
        if status:
            raise SetUpFailedError(f"opsplane {shlex.join(words)}: {complaint.getvalue().strip()}")
        return said.getvalue().strip()

    run("db", "migrate")
    run("environment", "init", "--workspace", "local", "--owner", OWNER)
    person = ("--object-id", APPROVER)
    run("user", "create", *person, "--label", "second person")
    run("role", "grant", *person, "security_officer")
    why = ("--reason-code", "RELEASE")
    asked = json.loads(run("policy", "propose", *why, "--reason", "make up", "--json"))["approval"]
    if asked is not None:
        name, plan = asked["approval_id"], asked["plan_digest"]
        approve = ("approval", "approve", name, "--plan", plan, *why)
        run(*approve, OPS_TOKEN=environment.approver_token())
        run("policy", "activate", "--approval", name)
    run("group", "create", GROUP)
    run("service", "create", "--object-id", INTAKE, "--label", "intake")
    tenant_id = run("tenant", "create", TENANT, "--group", GROUP).split()[-1]
    for contract in shipped():
        run(*("grant", "add", "--object-id", INTAKE, "--tenant", TENANT, "--contract", contract))
    return tenant_id


def _instructions(environment: LocalEnvironment, host: RunningHost, tenant_id: str) -> str:
    folder = _shown(environment.folder)
    token = ".venv/bin/python -m local.issuer token"  # noqa: S105 - a command
    home = environment.stack.home
    if home.root != DEFAULT_HOME:
        token = f".venv/bin/python -m local.issuer --home {home.root / 'issuer'} token"
    return f"""\
Opsplane runs at {host.url}  (health: /health/ready, interface: /openapi.json)

  Post an order of somebody who does not exist:

    .venv/bin/python -m local.samples --count 1 | curl -sS --data-binary @- \\
      -H "Authorization: Bearer $({token} --audience {INGEST_AUDIENCE} --object-id {INTAKE})" \\
      -H "Ops-Tenant: {tenant_id}" \\
      -H "Ops-Policy-Rev: {revision_of(policy_document(shipped()))}" \\
      -H "Content-Type: application/x-ndjson" \\
      {host.url}/v1/ingest/repair-order.v2

  Operate it, as the platform owner:

    set -a; . {folder}/env; set +a
    export OPS_TOKEN=$({token} --audience {OPERATOR_AUDIENCE} --object-id {OWNER} --human)
    .venv/bin/opsplane tenant list

  Decide what needs a second person, as that person:

    export OPS_TOKEN=$({token} --audience {OPERATOR_AUDIENCE} --object-id {APPROVER} --human)
    .venv/bin/opsplane approval list

  Tenant {TENANT!r} is {tenant_id}; it takes {", ".join(shipped())}.
  Logs: {folder}/host.log, {_shown(home.postgres_log.parent)}/
  Ctrl-C stops the app; `make down` stops Postgres and Azurite; the data stay.
"""


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)


def _shell(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())


def _wait(host: RunningHost) -> int:
    while host.process.poll() is None:
        time.sleep(0.5)
    tail = host.logs.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
    print("The app has ended by itself. The end of its log:", *tail, sep="\n", file=sys.stderr)
    return 1


def _free_port() -> int:
    """Return the port that Functions apps have locally, or the next free one."""
    for port in range(_PORT, _PORT + _PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.up",
        description="Starts the local stack, sets an environment up and runs the app.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help=f"of the app (default: {_PORT}, or the next free one)")
    add("--workers", type=int, default=1, help="instances of the app (default: %(default)s)")
    add("--home", type=Path, default=DEFAULT_HOME, help="folder of the stack (default: .opsplane)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
