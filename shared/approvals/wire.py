"""How approvals are spelled over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from shared.approvals.model import LONGEST_REASON, Approval, Outcome, Reason, ReasonCode, State
from shared.kernel import commands
from shared.kernel.inbound import Reply, Request

ApprovalId = Annotated[str, Field(pattern=r"^apr_[0-9a-hjkmnp-tv-z]{26}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DenyCommand(_Part):
    """Why a plan is refused."""

    reason_code: ReasonCode
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""


class ApproveCommand(DenyCommand):
    """Why a plan is approved, and the beginning of its digest: proof that it was looked at."""

    plan: Annotated[str, Field(pattern=r"^[0-9a-f]{12,64}$")]


class WithdrawCommand(_Part):
    """An empty object."""


class ApprovalsQuery(_Part):
    """Which approvals are asked for."""

    state: State | None = None


class ApprovalView(_Part):
    """An approval as a list shows it; people are directory object ids."""

    approval_id: ApprovalId
    kind: str
    subject: str
    tenant_id: str | None
    state: State
    plan_digest: Digest
    requested_by: str
    requested_at: str
    expires_at: str
    reason_code: ReasonCode
    decided_by: str | None
    decided_at: str | None
    decision_code: ReasonCode | None
    ended_by: str | None
    ended_at: str | None


class ApprovalDetailView(ApprovalView):
    """An approval with everything that a second person needs to decide."""

    reason: str
    decision: str | None
    plan: dict[str, Any]


class ApprovalsView(_Part):
    """Approvals: open ones first, then the newest."""

    approvals: list[ApprovalView]


def query(request: Request) -> State | None:
    """Return in which state approvals are asked for. Raises `CommandUnfit`."""
    return commands.read_query(ApprovalsQuery, request.query).state


def approval_id(request: Request) -> str:
    """Return which approval a request is about; whether it can be one is for the service."""
    return request.params.get("approval_id", "")


def approval(request: Request) -> tuple[str, str, Reason]:
    """Return what is approved, the quoted plan, and why."""
    body = commands.read(ApproveCommand, request)
    return approval_id(request), body.plan, Reason(body.reason_code, body.reason)


def denial(request: Request) -> tuple[str, Reason]:
    """Return what is refused, and why."""
    body = commands.read(DenyCommand, request)
    return approval_id(request), Reason(body.reason_code, body.reason)


def withdrawal(request: Request) -> str:
    """Return which approval is withdrawn, when the body says no more than that."""
    commands.read(WithdrawCommand, request)
    return approval_id(request)


def shown(found: Approval) -> Reply:
    """Return an approval with its plan."""
    return Reply(ApprovalDetailView(**found.details()).model_dump_json().encode())


def moved(outcome: Outcome) -> Reply:
    """Return an approval as a decision left it."""
    return shown(outcome.approval)


def listed(found: Sequence[Approval]) -> Reply:
    """Return approvals without their plans."""
    view = ApprovalsView(approvals=[ApprovalView(**one.summary()) for one in found])
    return Reply(view.model_dump_json().encode())
