"""``opsplane policy``: which policy revision is in force, and how another one comes into force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, fields
from shared.cli.approval import add_reason, reason, shown
from shared.cli.commands import Groups, group, operator_command

if TYPE_CHECKING:
    from shared.cli.session import Session

_ID = "apr_01kahd0w000000000000000001"


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
        "plan",
        _plan,
        "Show what activating this release's revision would change; write nothing.",
        "opsplane policy plan",
    )
    propose = operator_command(
        commands,
        "propose",
        _propose,
        "Ask a second person to approve the revision of this release.",
        'opsplane policy propose --reason-code RELEASE --reason "Release 2026.11 adds findings"',
    )
    add_reason(propose, text_required=True)
    activate = operator_command(
        commands,
        "activate",
        _activate,
        "Put the revision of this release in force, with the approval of a second person.",
        f"opsplane policy activate --approval {_ID}",
    )
    activate.add_argument(
        "--approval", metavar="ID", help="not needed when the revision is in force already"
    )


def _show(session: Session) -> Answer:
    found = session.services.policy.active(session.operator())
    document = {"active": found.active, "shipped": found.shipped, "in_step": found.in_step}
    return Answer(document, fields(document))


def _plan(session: Session) -> Answer:
    change = session.services.policy.plan(session.operator())
    plan = change.document()
    if not change.due:
        return Answer({"due": False, "plan": plan}, [f"in force already: {change.after}"])
    digest = change.plan().digest
    return Answer(
        {"due": True, "plan_digest": digest, "plan": plan},
        [f"plan {digest}", *json.dumps(plan, ensure_ascii=False, indent=2).splitlines()],
    )


def _propose(session: Session) -> Answer:
    found = session.services.policy.propose(session.operator(), reason(session))
    approval = found.approval
    if approval is None:
        return Answer(
            {"created": False, "approval": None}, [f"in force already: {found.change.after}"]
        )
    said = "asked for" if found.created else "was asked for:"
    approve = f"opsplane approval approve {approval.approval_id}"
    return Answer(
        {"created": found.created, "approval": approval.details()},
        [
            f"{said} {approval.approval_id}",
            *shown(approval),
            "",
            "Somebody else looks at it and approves it:",
            f"  {approve} --reason-code {approval.reason_code}",
            "Then anybody who may activate does so:",
            f"  opsplane policy activate --approval {approval.approval_id}",
        ],
    )


def _activate(session: Session) -> Answer:
    policy = session.services.policy
    activated = policy.activate(session.operator(), session.options.approval)
    said = "activated" if activated else "active already:"
    return Answer(
        {"policy_rev": policy.shipped, "activated": activated}, [f"{said} {policy.shipped}"]
    )
