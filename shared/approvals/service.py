"""Asks for approvals, decides on them, and lets what was approved happen once."""

from __future__ import annotations

from shared.approvals import errors, states
from shared.approvals.kinds import ApprovalKind, kind_of
from shared.approvals.model import (
    MOVES,
    PREFIX,
    Approval,
    Outcome,
    Plan,
    Reason,
    State,
    approval_id,
)
from shared.approvals.vocabulary import Permission
from shared.identity.authority import PermissionMissing, demand, held_by_person
from shared.kernel.call import Call, SourceType
from shared.kernel.db import Database, Tx
from shared.kernel.errors import Unavailable
from shared.kernel.ids import IdSource
from shared.kernel.sql import Queries

_sql = Queries("shared.approvals")

MOST = 200
"""Approvals in a list: all that are open in any sane environment, and the newest of the rest."""
_BATCH = 200
_TRIES = 3


class Approvals:
    """The one mechanism for what needs a second person."""

    def __init__(self, control: Database, ids: IdSource) -> None:
        """Write as ``control``."""
        self._control = control
        self._ids = ids

    # in somebody else's transaction ---------------------------------------------------------------

    def propose(
        self, tx: Tx, call: Call, kind: ApprovalKind, plan: Plan, reason: Reason
    ) -> Outcome:
        """Ask for an approval in the call's tenant, or of the platform; a repeat finds the first.

        Raises `HumanNeeded`, `PermissionMissing`, `ReasonUnfit`.
        """
        _check_person(tx, call, kind.propose)
        if not reason.text.strip():
            raise errors.ReasonUnfit
        wanted = Approval(
            approval_id=self._ids.mint(PREFIX, call.now),
            tenant_id=call.tenant_id,
            kind=kind.name,
            subject=plan.subject,
            plan=plan.text,
            plan_digest=plan.digest,
            state=State.PROPOSED.value,
            requested_by=call.actor.subject,
            requested_at=call.now,
            expires_at=call.now + kind.lives,
            reason_code=reason.code.value,
            reason_text=reason.text,
            decided_by=None,
            decided_at=None,
            decision_code=None,
            decision_text=None,
            ended_by=None,
            ended_at=None,
        )
        for _ in range(_TRIES):
            if states.propose(tx, call, wanted):
                return Outcome(wanted, changed=True)
            found = tx.one(
                Approval,
                _sql.lock_open_request,
                {
                    "kind": wanted.kind,
                    "subject": wanted.subject,
                    "plan_digest": wanted.plan_digest,
                    "tenant_id": wanted.tenant_id,
                },
            )
            if found is None:
                # It ended while we looked, so there is room for ours.
                continue
            if found.at(call.now) is found:
                return Outcome(found, changed=False)
            states.expire(tx, call, found)
        raise Unavailable

    def take(self, tx: Tx, call: Call, kind: ApprovalKind, approval: str, plan: Plan) -> Approval:
        """Use up an approval in the transaction of the effect: both commit, or neither.

        ``plan`` is computed anew in this transaction. Who may execute is for the room to say.

        1. It is there, and of this kind.
        2. It is approved, and its time has not run out. Raises `NotApproved`, `NotOpen`,
           `Expired`.
        3. What would happen now is what was approved. Raises `PlanStale`.
        4. Whoever approved it could still do so. Raises `ApproverGone`.
        """
        found = _lock(tx, approval)
        # (1)
        if found.kind != kind.name:
            raise errors.ApprovalUnknown
        # (2)
        _check_open(found, call)
        if found.state != State.APPROVED or found.decided_by is None:
            raise errors.NotApproved
        # (3)
        if (found.subject, found.plan_digest) != (plan.subject, plan.digest):
            raise errors.PlanStale
        # (4)
        if kind.decide not in held_by_person(tx, found.decided_by):
            raise errors.ApproverGone
        return states.take_effect(tx, call, found)

    # deciding -------------------------------------------------------------------------------------

    def approve(self, call: Call, approval: str, quoted: str, reason: Reason) -> Outcome:
        """Approve a plan by quoting the digest that was shown with it.

        Raises `PlanDiffers`, and what `deny` raises.
        """
        demand(call, Permission.REQUEST_DECIDE)
        return self._decide(call, approval, State.APPROVED, reason, quoted)

    def deny(self, call: Call, approval: str, reason: Reason) -> Outcome:
        """Refuse a plan. The same decision by the same person again changes nothing.

        Raises `SecondPersonNeeded`, `HumanNeeded`, `AlreadyDecided`, `NotOpen`, `Expired`.
        """
        demand(call, Permission.REQUEST_DECIDE)
        return self._decide(call, approval, State.DENIED, reason)

    def _decide(
        self, call: Call, approval: str, verdict: State, reason: Reason, quoted: str | None = None
    ) -> Outcome:
        with self._control.platform(call) as tx:
            found = _lock(tx, approval)
            _check_person(tx, call, kind_of(found.kind).decide)
            if call.actor.subject == found.requested_by:
                raise errors.SecondPersonNeeded
            if quoted is not None and not found.quotes(quoted):
                raise errors.PlanDiffers
            if _decided_so(found, call, verdict):
                return Outcome(found, changed=False)
            _check_open(found, call)
            if found.state != State.PROPOSED:
                raise errors.AlreadyDecided
            return Outcome(states.decide(tx, call, found, verdict, reason), changed=True)

    def withdraw(self, call: Call, approval: str) -> Outcome:
        """Take back what one asked for or approved, before it takes effect.

        Raises `NotTheirs`, `NotOpen`, `Expired`.
        """
        demand(call, Permission.REQUEST_WITHDRAW)
        with self._control.platform(call) as tx:
            found = _lock(tx, approval)
            if call.actor.subject not in (found.requested_by, found.decided_by):
                raise errors.NotTheirs
            if found.state == State.WITHDRAWN:
                return Outcome(found, changed=False)
            _check_open(found, call)
            return Outcome(states.withdraw(tx, call, found), changed=True)

    def expire(self, call: Call) -> int:
        """Write down which approvals have run out of time; return how many, a batch at most."""
        demand(call, Permission.REQUEST_EXPIRE)
        with self._control.platform(call) as tx:
            overdue = tx.all(Approval, _sql.lock_overdue, {"now": call.now, "batch": _BATCH})
            for found in overdue:
                states.expire(tx, call, found)
        return len(overdue)

    # reading --------------------------------------------------------------------------------------

    def find(self, call: Call, approval: str) -> Approval:
        """Return an approval as it stands now. Raises `ApprovalUnknown`."""
        demand(call, Permission.REQUEST_READ)
        row = {"approval_id": approval_id(approval)}
        with self._control.platform(call, read_only=True) as tx:
            found = tx.one(Approval, _sql.approval, row)
        if found is None:
            raise errors.ApprovalUnknown
        return found.at(call.now)

    def newest(self, call: Call, state: State | None = None) -> list[Approval]:
        """List approvals as they stand now: open ones first, then the newest."""
        demand(call, Permission.REQUEST_READ)
        row = {"state": state and state.value, "now": call.now, "most": MOST}
        with self._control.platform(call, read_only=True) as tx:
            return [found.at(call.now) for found in tx.all(Approval, _sql.approvals, row)]


def _lock(tx: Tx, approval: str) -> Approval:
    found = tx.one(Approval, _sql.lock_approval, {"approval_id": approval_id(approval)})
    if found is None:
        raise errors.ApprovalUnknown
    return found


def _check_person(tx: Tx, call: Call, permission: str) -> None:
    """Check that a person calls, and may do this by a role that the database grants now.

    The call has permissions as well; they were read before this transaction, and a role that was
    revoked meanwhile must not decide anything.
    """
    if not call.may(permission):
        raise PermissionMissing
    if call.actor.source_type is not SourceType.HUMAN:
        raise errors.HumanNeeded
    if permission not in held_by_person(tx, call.actor.subject):
        raise PermissionMissing


def _check_open(found: Approval, call: Call) -> None:
    now = State(found.at(call.now).state)
    if now is State.EXPIRED:
        raise errors.Expired
    if now not in MOVES:
        raise errors.NotOpen


def _decided_so(found: Approval, call: Call, verdict: State) -> bool:
    """Tell whether this person made this decision before, and nobody took it back."""
    so = {State.APPROVED: (State.APPROVED, State.EFFECTIVE), State.DENIED: (State.DENIED,)}
    return found.decided_by == call.actor.subject and found.at(call.now).state in so[verdict]
