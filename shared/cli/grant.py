"""``opsplane grant``: which service may post which contract for which tenant."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, group, operator_command

if TYPE_CHECKING:
    from shared.cli.session import Session

_EXAMPLE = (
    "--object-id 5a3a0d10-0000-4000-8000-000000000002 --tenant north --contract repair-order.v2"
)


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "grant", "producer grants: who may post what for whom")
    for name, run, summary in (
        ("add", _add, "Let a service post one contract for one tenant."),
        ("remove", _remove, "Take that back."),
    ):
        change = operator_command(commands, name, run, summary, f"opsplane grant {name} {_EXAMPLE}")
        change.add_argument("--object-id", required=True, metavar="ID", help="the service's id")
        change.add_argument("--tenant", required=True, help="name or id of the tenant")
        change.add_argument("--contract", required=True, help="see: opsplane contract list")
    operator_command(commands, "list", _list, "List every producer grant.", "opsplane grant list")


def _add(session: Session) -> Answer:
    options = session.options
    done = session.services.provisioning.grant_producer(
        session.operator(), options.object_id, options.tenant, options.contract
    )
    said = "created" if done.created else "exists"
    return Answer(
        {"tenant_id": done.id, "contract": options.contract, "created": done.created},
        [f"{said} grant of {options.contract} for {done.id}"],
    )


def _remove(session: Session) -> Answer:
    options = session.options
    done = session.services.provisioning.revoke_producer(
        session.operator(), options.object_id, options.tenant, options.contract
    )
    said = "removed" if done.created else "was not there:"
    return Answer(
        {"tenant_id": done.id, "contract": options.contract, "removed": done.created},
        [f"{said} grant of {options.contract} for {done.id}"],
    )


def _list(session: Session) -> Answer:
    found = session.services.provisioning.grants(session.operator())
    return Answer(
        {"grants": [asdict(row) for row in found]},
        table((row.tenant_id, row.object_id, row.contract) for row in found),
    )
