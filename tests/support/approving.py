"""A kind of approval of the tests' own, and people who ask and decide."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from shared.approvals.kinds import ApprovalKind
from shared.approvals.model import Approval, Outcome, Plan, Reason, ReasonCode
from shared.identity.roles import GRANTS, Role
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.db import Login
from shared.policy.service import Permission
from tests.support.fix_db import World

KIND = ApprovalKind(
    "tests.anything",
    "Anything that a test wants a second person for.",
    propose=Permission.REVISION_PROPOSE,
    decide=Permission.REVISION_APPROVE,
    lives=timedelta(hours=8),
)
OTHER_KIND = ApprovalKind(
    "tests.something_else",
    "Something that a test does not want.",
    propose=Permission.REVISION_PROPOSE,
    decide=Permission.REVISION_APPROVE,
    lives=timedelta(hours=8),
)
TEXT = "Wilhelmine Quastenflosser called about it"
"""A reason as people write them: it names somebody."""
WHY = Reason(ReasonCode.SUPPORT, TEXT)
_counter = itertools.count(1)


def a_plan(**changes: Any) -> Plan:
    """A plan about something that no other test has."""
    return Plan.of(f"thing-{next(_counter)}", {"from": "red", "to": "blue", **changes})


def another(plan: Plan) -> Plan:
    """Another plan about the same thing."""
    return Plan.of(plan.subject, {"from": "green", "to": "blue"})


def a_person(world: World, object_id: str, role: Role = Role.PLATFORM_OWNER) -> Call:
    """A call of a registered person with a role, by its own credential."""
    provisioning = world.services.provisioning
    provisioning.create_principal(world.operator(), "user", object_id, "person")
    provisioning.grant_role(world.operator(), object_id, role)
    return world.services.call(Actor(SourceType.HUMAN, object_id, AuthMode.TOKEN, GRANTS[role]))


def propose(world: World, plan: Plan, call: Call | None = None, why: Reason = WHY) -> Outcome:
    """Ask for an approval, as a room does in its own transaction."""
    call = call or world.operator()
    with world.services.database(Login.CONTROL).transaction(call) as tx:
        return world.services.approvals.propose(tx, call, KIND, plan, why)


def approve(world: World, wanted: Approval) -> Approval:
    """Approve as the second person."""
    found = world.services.approvals.approve(
        world.approver(), wanted.approval_id, wanted.plan_digest, WHY
    )
    return found.approval


def take(world: World, approval_id: str, plan: Plan, call: Call | None = None) -> Approval:
    """Use an approval up, as a room does in the transaction of the effect."""
    call = call or world.operator()
    with world.services.database(Login.CONTROL).transaction(call) as tx:
        return world.services.approvals.take(tx, call, KIND, approval_id, plan)


def told(world: World, approval_id: str) -> list[str]:
    """The names of the facts about an approval, in the order of the ledger."""
    rows = world.rows(
        "SELECT name FROM ops.fact WHERE body::jsonb #>> '{attributes,approval_id}' = %s"
        " AND name LIKE 'approvals:%%' ORDER BY seq",
        approval_id,
    )
    return [name.rpartition(":")[2] for (name,) in rows]


def stored(world: World, approval_id: str) -> str:
    """The state as the table has it."""
    [(state,)] = world.rows("SELECT state FROM ops.approval WHERE approval_id = %s", approval_id)
    return str(state)
