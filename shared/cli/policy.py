"""``opsplane policy``: which policy revision is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.cli.answers import Answer, fields
from shared.cli.commands import Groups, group, operator_command

if TYPE_CHECKING:
    from shared.cli.session import Session


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "policy", "the policy revision in force")
    operator_command(
        commands,
        "show",
        _show,
        "Show the revision in force and the one that this release carries.",
        "opsplane policy show",
    )
    operator_command(
        commands,
        "activate",
        _activate,
        "Put the revision of this release in force.",
        "opsplane policy activate",
    )


def _show(session: Session) -> Answer:
    found = session.services.policy.active(session.operator())
    document = {"active": found.active, "shipped": found.shipped, "in_step": found.in_step}
    return Answer(document, fields(document))


def _activate(session: Session) -> Answer:
    policy = session.services.policy
    activated = policy.activate(session.operator())
    said = "activated" if activated else "active already:"
    return Answer(
        {"policy_rev": policy.shipped, "activated": activated}, [f"{said} {policy.shipped}"]
    )
