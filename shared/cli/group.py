"""``opsplane group``: groups of tenants."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, group, operator_command

if TYPE_CHECKING:
    from shared.cli.session import Session


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "group", "groups of tenants")
    create = operator_command(
        commands, "create", _create, "Create a group.", "opsplane group create field"
    )
    create.add_argument("name", metavar="NAME")
    operator_command(commands, "list", _list, "List every group.", "opsplane group list")


def _create(session: Session) -> Answer:
    made = session.services.provisioning.create_group(session.operator(), session.options.name)
    said = "created" if made.created else "exists"
    return Answer({"group_id": made.id, "created": made.created}, [f"{said} group {made.id}"])


def _list(session: Session) -> Answer:
    found = session.services.provisioning.groups(session.operator())
    return Answer(
        {"groups": [asdict(row) for row in found]}, table((row.group_id, row.name) for row in found)
    )
