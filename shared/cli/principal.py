"""``opsplane user`` and ``opsplane service``: who may be given roles and grants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, Parser, group, operator_command

if TYPE_CHECKING:
    from shared.cli.session import Session

type OfKind = Callable[[str, Session], Answer]

_PLURAL = {"user": "users", "service": "service principals"}
_EXAMPLE_LABEL = {"user": '"Ada Byron"', "service": '"intake function"'}
_EXAMPLE_ID = "5a3a0d10-0000-4000-8000-000000000002"


def register(groups: Groups) -> None:
    """Declare both groups."""
    for kind in ("user", "service"):
        _register(group(groups, kind, _PLURAL[kind]), kind)


def _register(commands: Groups, kind: str) -> None:
    def declare(name: str, run: OfKind, summary: str, rest: str) -> Parser:
        return operator_command(
            commands, name, partial(run, kind), summary, f"opsplane {kind} {name}{rest}"
        )

    by_id = f" --object-id {_EXAMPLE_ID}"
    create = declare(
        "create", _create, f"Register a {kind}.", f"{by_id} --label {_EXAMPLE_LABEL[kind]}"
    )
    create.add_argument("--object-id", required=True, metavar="ID", help="its directory object id")
    create.add_argument("--label", required=True, help="what operators call it; stays out of logs")
    create.add_argument("--group", help="name or id of a group to join")
    declare("list", _list, f"List {_PLURAL[kind]}.", "")
    for name, run, summary in (
        ("disable", _disable, f"Take everything from a {kind} until it is enabled."),
        ("enable", _enable, f"Give a disabled {kind} back what it had."),
    ):
        change = declare(name, run, summary, by_id)
        change.add_argument("--object-id", required=True, metavar="ID")


def _create(kind: str, session: Session) -> Answer:
    options = session.options
    made = session.services.provisioning.create_principal(
        session.operator(), kind, options.object_id, options.label, options.group
    )
    said = "created" if made.created else "exists"
    return Answer({"principal_id": made.id, "created": made.created}, [f"{said} {kind} {made.id}"])


def _list(kind: str, session: Session) -> Answer:
    found = session.services.provisioning.principals(session.operator(), kind)
    return Answer(
        {f"{kind}s": [asdict(row) for row in found]},
        table((row.principal_id, row.object_id, row.status, row.label) for row in found),
    )


def _disable(kind: str, session: Session) -> Answer:
    return _set_status(kind, session, "disabled")


def _enable(kind: str, session: Session) -> Answer:
    return _set_status(kind, session, "active")


def _set_status(kind: str, session: Session, status: str) -> Answer:
    found = session.services.provisioning.set_principal_status(
        session.operator(), kind, session.options.object_id, status
    )
    said = f"now {status}" if found.created else f"{status} already"
    return Answer(
        {"principal_id": found.id, "status": status, "changed": found.created},
        [f"{said}: {kind} {found.id}"],
    )
