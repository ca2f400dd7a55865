"""``opsplane tenant``: tenants, created explicitly and suspended without loss."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, group, operator_command

if TYPE_CHECKING:
    from shared.cli.session import Session


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "tenant", "tenants")
    create = operator_command(
        commands,
        "create",
        _create,
        "Create a tenant in an existing group, with its keys and its standing run.",
        "opsplane tenant create north --group field",
    )
    create.add_argument("name", metavar="NAME")
    create.add_argument("--group", required=True, help="name or id of the group")
    operator_command(commands, "list", _list, "List every tenant.", "opsplane tenant list")
    for name, run, summary in (
        ("suspend", _suspend, "Make a tenant read-only."),
        ("resume", _resume, "Let a suspended tenant take records again."),
    ):
        change = operator_command(commands, name, run, summary, f"opsplane tenant {name} north")
        change.add_argument("name", metavar="NAME", help="name or id of the tenant")


def _create(session: Session) -> Answer:
    options = session.options
    made = session.services.provisioning.create_tenant(
        session.operator(), options.name, options.group
    )
    said = "created" if made.created else "exists"
    return Answer({"tenant_id": made.id, "created": made.created}, [f"{said} tenant {made.id}"])


def _list(session: Session) -> Answer:
    found = session.services.provisioning.tenants(session.operator())
    return Answer(
        {"tenants": [asdict(row) for row in found]},
        table((row.tenant_id, row.group_id, row.status, row.name) for row in found),
    )


def _suspend(session: Session) -> Answer:
    return _set_status(session, "suspended")


def _resume(session: Session) -> Answer:
    return _set_status(session, "active")


def _set_status(session: Session, status: str) -> Answer:
    found = session.services.provisioning.set_tenant_status(
        session.operator(), session.options.name, status
    )
    said = f"now {status}" if found.created else f"{status} already"
    return Answer(
        {"tenant_id": found.id, "status": status, "changed": found.created},
        [f"{said}: tenant {found.id}"],
    )
