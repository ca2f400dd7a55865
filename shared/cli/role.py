"""``opsplane role``: what a role allows, and who has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.cli.answers import Answer
from shared.cli.commands import Groups, group, operator_command
from shared.identity.roles import GRANTS, MEANING, Role

if TYPE_CHECKING:
    from shared.cli.session import Session

_EXAMPLE_ID = "5a3a0d10-0000-4000-8000-000000000002"


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "role", "roles: what they allow and who has them")
    for name, run, summary in (
        ("grant", _grant, "Grant a role to a user or a service."),
        ("revoke", _revoke, "Take a role back."),
    ):
        change = operator_command(
            commands, name, run, summary, f"opsplane role {name} --object-id {_EXAMPLE_ID} sre"
        )
        change.add_argument("--object-id", required=True, metavar="ID", help="who it is about")
        change.add_argument("role", choices=[role.value for role in Role], metavar="ROLE")
    operator_command(
        commands,
        "list",
        _list,
        "List every role, its permissions and the object ids that have it.",
        "opsplane role list",
    )


def _grant(session: Session) -> Answer:
    options = session.options
    done = session.services.provisioning.grant_role(
        session.operator(), options.object_id, Role(options.role)
    )
    said = "granted" if done.created else "exists:"
    return Answer(
        {"principal_id": done.id, "role": options.role, "granted": done.created},
        [f"{said} {options.role} to {done.id}"],
    )


def _revoke(session: Session) -> Answer:
    options = session.options
    done = session.services.provisioning.revoke_role(
        session.operator(), options.object_id, Role(options.role)
    )
    said = "revoked" if done.created else "was not granted:"
    return Answer(
        {"principal_id": done.id, "role": options.role, "revoked": done.created},
        [f"{said} {options.role} of {done.id}"],
    )


def _list(session: Session) -> Answer:
    held = session.services.provisioning.role_grants(session.operator())
    document: list[dict[str, object]] = []
    lines: list[str] = []
    for role in Role:
        holders = [row.object_id for row in held if row.role == role]
        document.append(
            {
                "role": role.value,
                "meaning": MEANING[role],
                "permissions": sorted(GRANTS[role]),
                "held_by": holders,
            }
        )
        lines.append(f"{role.value}: {MEANING[role]}")
        lines += [f"  allows {permission}" for permission in sorted(GRANTS[role])]
        lines += [f"  held by {object_id}" for object_id in holders]
    return Answer({"roles": document}, lines)
