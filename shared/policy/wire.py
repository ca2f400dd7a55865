"""How policy is spelled over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.approvals.model import LONGEST_REASON, Reason, ReasonCode
from shared.approvals.wire import ApprovalDetailView, ApprovalId
from shared.kernel import commands
from shared.kernel.inbound import Reply, Request
from shared.policy.plan import NOTHING
from shared.policy.service import ActiveRevision, Proposed

Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ActiveView(_Part):
    """The policy revision in force, and whether this release carries it."""

    policy_rev: Revision
    in_step: bool


class ProposeCommand(_Part):
    """Why this release's policy should come into force."""

    reason_code: ReasonCode
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


class ProposalView(_Part):
    """What a second person is asked to approve; null where nothing would change."""

    policy_rev: Revision
    replaces: Annotated[str, Field(pattern=rf"^([0-9a-f]{{64}}|{NOTHING})$")]
    approval: ApprovalDetailView | None


class ActivateCommand(_Part):
    """The approval to use; none is needed where nothing would change."""

    approval_id: ApprovalId | None = None


class ActivationView(_Part):
    """The revision that is in force now, and whether this request changed that."""

    policy_rev: Revision
    activated: bool


def active(revision: ActiveRevision) -> Reply:
    """Return the active revision."""
    return _reply(ActiveView(policy_rev=revision.active, in_step=revision.in_step))


def proposal(request: Request) -> Reason:
    """Return why somebody proposes this release's policy."""
    body = commands.read(ProposeCommand, request)
    return Reason(body.reason_code, body.reason)


def proposed(found: Proposed) -> Reply:
    """Return what was asked for; 201 when that is new."""
    view = ProposalView(
        policy_rev=found.change.after,
        replaces=found.change.before or NOTHING,
        approval=None if found.approval is None else ApprovalDetailView(**found.approval.details()),
    )
    return _reply(view, 201 if found.created else 200)


def activation(request: Request) -> str | None:
    """Return the approval that an activation uses."""
    return commands.read(ActivateCommand, request).approval_id


def activated(policy_rev: str, *, changed: bool) -> Reply:
    """Return what is in force now."""
    return _reply(ActivationView(policy_rev=policy_rev, activated=changed))


def _reply(view: BaseModel, status: int = 200) -> Reply:
    return Reply(view.model_dump_json().encode(), status)
