"""``opsplane approval``: what needs a second person, and that person's decision."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, fields, table
from shared.cli.commands import Groups, group, operator_command

if TYPE_CHECKING:
    from shared.approvals.model import Approval, Outcome, Reason
    from shared.cli.session import Session

_ID = "apr_01kahd0w000000000000000001"
_PLAN = "4f1c2a9be07d"
# Written out, so that --help needs no room; a test compares them.
REASON_CODES = ("DATA_REPAIR", "INCIDENT", "SUPPORT", "SECURITY", "RELEASE")
STATES = ("proposed", "approved", "denied", "withdrawn", "expired", "effective")


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "approval", "what needs a second person")
    listed = operator_command(
        commands,
        "list",
        _list,
        "List approvals: open ones first, then the newest.",
        "opsplane approval list --state proposed",
    )
    listed.add_argument("--state", choices=STATES, metavar="STATE", help=", ".join(STATES))
    show = operator_command(
        commands,
        "show",
        _show,
        "Show an approval with the plan that it is about.",
        f"opsplane approval show {_ID}",
    )
    approve = operator_command(
        commands,
        "approve",
        _approve,
        "Approve a plan as the second person. Without --plan, show it and decide nothing.",
        f"opsplane approval approve {_ID} --plan {_PLAN} --reason-code RELEASE",
    )
    approve.add_argument(
        "--plan",
        metavar="DIGEST",
        help="the plan you looked at: the first 12 or more characters of its digest",
    )
    deny = operator_command(
        commands,
        "deny",
        _deny,
        "Refuse a plan as the second person.",
        f'opsplane approval deny {_ID} --reason-code SECURITY --reason "Not before the audit"',
    )
    withdraw = operator_command(
        commands,
        "withdraw",
        _withdraw,
        "Take back what you asked for or approved, before it takes effect.",
        f"opsplane approval withdraw {_ID}",
    )
    for about in (show, approve, deny, withdraw):
        about.add_argument("approval_id", metavar="ID")
    for decision in (approve, deny):
        add_reason(decision)


def add_reason(command: ArgumentParser, *, text_required: bool = False) -> None:
    """Declare the options that say why."""
    command.add_argument(
        "--reason-code",
        required=True,
        choices=REASON_CODES,
        metavar="CODE",
        help=", ".join(REASON_CODES),
    )
    command.add_argument(
        "--reason",
        default="",
        required=text_required,
        metavar="TEXT",
        help="in a few words; stays out of logs and ledgers",
    )


def reason(session: Session) -> Reason:
    """Return why, as the options say. Raises `ReasonUnfit`."""
    from shared.approvals.model import Reason, ReasonCode

    return Reason(ReasonCode(session.options.reason_code), session.options.reason)


def shown(found: Approval) -> list[str]:
    """Return an approval and its plan as lines."""
    details = found.details()
    plan = json.dumps(details.pop("plan"), ensure_ascii=False, indent=2)
    known = {name: value for name, value in details.items() if value not in (None, "")}
    return [*fields(known), "plan", *(f"  {line}" for line in plan.splitlines())]


def _list(session: Session) -> Answer:
    from shared.approvals.model import State

    state = session.options.state
    found = session.services.approvals.newest(
        session.operator(), None if state is None else State(state)
    )
    return Answer(
        {"approvals": [one.summary() for one in found]},
        table(
            (one.approval_id, one.state, one.kind, one.plan_digest[:12], one.requested_by)
            for one in found
        ),
    )


def _show(session: Session) -> Answer:
    found = session.services.approvals.find(session.operator(), session.options.approval_id)
    return Answer(found.details(), shown(found))


def _approve(session: Session) -> Answer:
    from shared.cli import problems

    options, approvals = session.options, session.services.approvals
    if options.plan is not None:
        done = approvals.approve(
            session.operator(), options.approval_id, options.plan, reason(session)
        )
        return _moved(done, "approved")
    found = approvals.find(session.operator(), options.approval_id)
    again = (
        f"opsplane approval approve {found.approval_id} --plan {found.plan_digest[:12]}"
        f" --reason-code {options.reason_code}"
    )
    return Answer(
        {"changed": False, "next": again, **found.details()},
        [*shown(found), "", "Nothing is decided. To approve exactly this plan:", f"  {again}"],
        problems.INVALID,
    )


def _deny(session: Session) -> Answer:
    done = session.services.approvals.deny(
        session.operator(), session.options.approval_id, reason(session)
    )
    return _moved(done, "denied")


def _withdraw(session: Session) -> Answer:
    done = session.services.approvals.withdraw(session.operator(), session.options.approval_id)
    return _moved(done, "withdrawn")


def _moved(done: Outcome, said: str) -> Answer:
    if not done.changed:
        said = f"{said} already:"
    return Answer(
        {"changed": done.changed, **done.approval.details()},
        [f"{said} {done.approval.approval_id}"],
    )
