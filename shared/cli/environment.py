"""``opsplane environment``: which environment a database belongs to."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, fields
from shared.cli.commands import Groups, command, group, operator_command

if TYPE_CHECKING:
    from shared.cli.session import Session


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "environment", "which environment the database belongs to")
    init = command(
        commands,
        "init",
        _init,
        "Give a migrated database to the environment of OPS_ENVIRONMENT, once, and register its "
        "first platform owner.",
        "opsplane environment init --workspace west --owner 5a3a0d10-0000-4000-8000-000000000001",
    )
    init.add_argument("--workspace", required=True, help="a short name: lower case, digits, -")
    init.add_argument(
        "--owner", required=True, metavar="OBJECT_ID", help="the first owner's directory object id"
    )
    operator_command(
        commands,
        "show",
        _show,
        "Show what the database says of itself.",
        "opsplane environment show",
    )


def _init(session: Session) -> Answer:
    options, services = session.options, session.services
    created = services.initialise(session.migrator(), options.workspace, options.owner)
    environment = services.settings.environment.value
    said = "created" if created else "exists"
    return Answer(
        {"environment": environment, "workspace": options.workspace, "created": created},
        [f"{said} environment {environment}, workspace {options.workspace}"],
    )


def _show(session: Session) -> Answer:
    marker = asdict(session.services.marker(session.operator()))
    return Answer(marker, fields(marker))
