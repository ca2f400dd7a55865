"""Proposes and activates policy revisions and tells which one is active."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from shared.approvals.kinds import ApprovalKind
from shared.approvals.model import Approval, Reason
from shared.approvals.service import Approvals
from shared.governance.facts import DIGEST, IDENTIFIER, FactKind, record
from shared.identity.authority import demand
from shared.kernel.call import Call
from shared.kernel.canonical import digest
from shared.kernel.db import Database, Tx
from shared.kernel.errors import Conflict, Missing
from shared.kernel.sql import Queries
from shared.policy.plan import Change, InForce, change

_sql = Queries("shared.policy")


class Permission(StrEnum):
    """Permissions of this room."""

    REVISION_READ = "policy:revision:read"
    REVISION_PROPOSE = "policy:revision:propose"
    REVISION_APPROVE = "policy:revision:approve"
    REVISION_ACTIVATE = "policy:revision:activate"


ACTIVATION = ApprovalKind(
    "policy.activation",
    "Another policy revision comes into force.",
    propose=Permission.REVISION_PROPOSE,
    decide=Permission.REVISION_APPROVE,
    lives=timedelta(days=7),
)
REVISION_ACTIVATED = FactKind(
    "policy:revision:activated",
    "Another policy revision is in force from now on (POLICY_REV_CHANGED, 002-R14).",
    {"revision": DIGEST, "previous": DIGEST, "approval_id": IDENTIFIER},
)
_NONE = "0" * 64

type OnActivated = Callable[[Tx, Call, str], None]
"""What another room does when a revision comes into force: in its transaction, across tenants."""


class NothingActive(Missing):
    """No revision was ever activated in this environment."""

    code = "policy.nothing_active"
    title = "No policy revision is active; see: opsplane policy propose"


class ApprovalNeeded(Conflict):
    """A change of policy without a second person; there is no exception for the first one."""

    code = "policy.approval_needed"
    title = "Changing the policy needs a second person's approval; see: opsplane policy propose"


@dataclass(frozen=True, slots=True)
class ActiveRevision:
    """The revision in force, and the one this release carries."""

    active: str
    shipped: str

    @property
    def in_step(self) -> bool:
        """Tell whether the release carries what is in force."""
        return self.active == self.shipped


@dataclass(frozen=True, slots=True)
class Proposed:
    """What would change, and the approval that was asked for; ``None``: nothing would change."""

    change: Change
    approval: Approval | None
    created: bool = False


def revision_of(document: bytes) -> str:
    """Return the ``policy_rev`` of a policy document."""
    return digest("ops.policy.v1", document).hex()


class Policy:
    """The policy of this environment."""

    def __init__(
        self,
        control: Database,
        data: Database,
        document: bytes,
        approvals: Approvals,
        on_activated: Sequence[OnActivated] = (),
    ) -> None:
        """Write as ``control``, read as ``data``; ``document`` is what this release carries."""
        self._control = control
        self._data = data
        self._document = document
        self._approvals = approvals
        self._on_activated = tuple(on_activated)
        self.shipped = revision_of(document)

    def active(self, call: Call) -> ActiveRevision:
        """Return the revision in force. Raises `NothingActive`."""
        demand(call, Permission.REVISION_READ)
        with self._data.transaction(call, read_only=True) as tx:
            found = tx.value(_sql.active_revision)
        if found is None:
            raise NothingActive
        return ActiveRevision(str(found), self.shipped)

    def plan(self, call: Call) -> Change:
        """Return what activating this release's revision would change; writes nothing."""
        demand(call, Permission.REVISION_READ)
        with self._control.transaction(call, read_only=True) as tx:
            return self._change(tx)

    def propose(self, call: Call, reason: Reason) -> Proposed:
        """Ask a second person to approve this release's revision; a repeat finds the first."""
        demand(call, Permission.REVISION_PROPOSE)
        with self._control.transaction(call) as tx:
            wanted = self._change(tx)
            if not wanted.due:
                return Proposed(wanted, None)
            asked = self._approvals.propose(tx, call, ACTIVATION, wanted.plan(), reason)
        return Proposed(wanted, asked.approval, asked.changed)

    def activate(self, call: Call, approval_id: str | None = None) -> bool:
        """Put the revision of this release in force; ``False`` when it is already.

        Raises `ApprovalNeeded` without an approval, and what `Approvals.take` raises: an approval
        of a change from another revision, or to another one, is stale.
        """
        demand(call, Permission.REVISION_ACTIVATE)
        with self._control.platform(call) as tx:
            # One activation at a time: the second sees what the first did.
            tx.run(_sql.lock_revisions)
            wanted = self._change(tx)
            if not wanted.due:
                # What follows an activation is done again: it mends what was left half done.
                for follow in self._on_activated:
                    follow(tx, call, self.shipped)
                return False
            if approval_id is None:
                raise ApprovalNeeded
            taken = self._approvals.take(tx, call, ACTIVATION, approval_id, wanted.plan())
            self._put_in_force(tx, call, wanted, taken)
            for follow in self._on_activated:
                follow(tx, call, self.shipped)
        return True

    def _change(self, tx: Tx) -> Change:
        return change(tx.one(InForce, _sql.policy_in_force), self.shipped, self._document)

    def _put_in_force(self, tx: Tx, call: Call, wanted: Change, taken: Approval) -> None:
        tx.run(_sql.supersede_revision, {"now": call.now})
        tx.run(
            _sql.activate_revision,
            {
                "policy_rev": wanted.after,
                "document": self._document.decode(),
                "now": call.now,
                "by": call.actor.actor_id,
            },
        )
        record(
            tx,
            call,
            REVISION_ACTIVATED,
            taken.approval_id,
            revision=wanted.after,
            previous=wanted.before or _NONE,
            approval_id=taken.approval_id,
        )
