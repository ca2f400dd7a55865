"""The one module that moves states: each move is one guarded statement, with its fact.

Every function takes an approval that its caller has locked in the same transaction, and returns
it as it is afterwards. Whether the move may be made was decided before (`service`); that it can be
made at all is checked here and by ``approval_moves_forward``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.approvals import vocabulary as facts
from shared.approvals.errors import NotOpen
from shared.approvals.model import MOVES, Approval, Reason, State
from shared.governance.facts import FactKind, record
from shared.kernel.call import Call
from shared.kernel.db import Tx
from shared.kernel.ids import TenantId
from shared.kernel.sql import Queries

_sql = Queries("shared.approvals")

_DECISIONS = {State.APPROVED: facts.APPROVED, State.DENIED: facts.DENIED}


def propose(tx: Tx, call: Call, wanted: Approval) -> bool:
    """Enter a new approval; ``False`` when one for the same plan is open."""
    row = {
        "approval_id": wanted.approval_id,
        "tenant_id": wanted.tenant_id,
        "kind": wanted.kind,
        "subject": wanted.subject,
        "plan": wanted.plan,
        "plan_digest": wanted.plan_digest,
        "requested_by": wanted.requested_by,
        "now": wanted.requested_at,
        "expires_at": wanted.expires_at,
        "reason_code": wanted.reason_code,
        "reason_text": wanted.reason_text,
    }
    if not tx.run(_sql.propose, row):
        return False
    _tell(tx, call, facts.PROPOSED, wanted, subject=wanted.subject, reason=wanted.reason_code)
    return True


def decide(tx: Tx, call: Call, held: Approval, verdict: State, reason: Reason) -> Approval:
    """Approve or deny what is proposed; a denial ends it."""
    ended = verdict not in MOVES
    after = _move(
        tx,
        held,
        state=verdict.value,
        decided_by=call.actor.subject,
        decided_at=call.now,
        decision_code=reason.code.value,
        decision_text=reason.text,
        ended_by=call.actor.actor_id if ended else None,
        ended_at=call.now if ended else None,
    )
    _tell(tx, call, _DECISIONS[verdict], after, reason=reason.code.value)
    return after


def withdraw(tx: Tx, call: Call, held: Approval) -> Approval:
    """Take back what has not taken effect."""
    after = _end(tx, call, held, State.WITHDRAWN)
    _tell(tx, call, facts.WITHDRAWN, after, held=held.state)
    return after


def expire(tx: Tx, call: Call, held: Approval) -> Approval:
    """Write down that the time of an open approval has run out."""
    after = _end(tx, call, held, State.EXPIRED)
    _tell(tx, call, facts.EXPIRED, after, held=held.state)
    return after


def take_effect(tx: Tx, call: Call, held: Approval) -> Approval:
    """Use up what is approved, in the transaction of the effect."""
    after = _end(tx, call, held, State.EFFECTIVE)
    _tell(
        tx,
        call,
        facts.TOOK_EFFECT,
        after,
        subject=after.subject,
        requested_by=after.requested_by,
        approved_by=after.decided_by,
    )
    return after


def _end(tx: Tx, call: Call, held: Approval, state: State) -> Approval:
    return _move(tx, held, state=state.value, ended_by=call.actor.actor_id, ended_at=call.now)


def _move(tx: Tx, held: Approval, **changes: Any) -> Approval:
    after = replace(held, **changes)
    if State(after.state) not in MOVES.get(State(held.state), frozenset()):
        raise NotOpen
    moved = tx.run(
        _sql.move_approval,
        {
            "approval_id": held.approval_id,
            "held": held.state,
            "state": after.state,
            "decided_by": after.decided_by,
            "decided_at": after.decided_at,
            "decision_code": after.decision_code,
            "decision_text": after.decision_text,
            "ended_by": after.ended_by,
            "ended_at": after.ended_at,
        },
    )
    if not moved:
        raise NotOpen
    return after


def _tell(tx: Tx, call: Call, kind: FactKind, approval: Approval, **more: str | None) -> None:
    """Record a move in the ledger of the tenant it concerns, if it concerns one."""
    tenant_id = approval.tenant_id
    record(
        tx,
        replace(call, tenant_id=None if tenant_id is None else TenantId(tenant_id)),
        kind,
        approval.approval_id,
        approval_id=approval.approval_id,
        kind=approval.kind,
        plan=approval.plan_digest,
        **more,
    )
