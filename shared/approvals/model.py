"""An approval as people see it; its states, its plan, and why somebody asked or decided."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from shared.approvals.errors import ApprovalUnknown, PlanUnfit, ReasonUnfit
from shared.kernel.canonical import Json, canonical, digest
from shared.kernel.clock import instant
from shared.kernel.ids import PATTERN

PREFIX = "apr"
QUOTED = 12
"""Characters of a plan's digest that an approver quotes at least: 48 bits, read off a screen."""
LONGEST_REASON = 500
LARGEST_PLAN = 65_536

_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
_QUOTE = re.compile(rf"[0-9a-f]{{{QUOTED},64}}")
# Control characters, and the halves of surrogate pairs that a terminal can pass on.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class State(StrEnum):
    """Where an approval stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    EFFECTIVE = "effective"


MOVES: Mapping[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.APPROVED, State.DENIED, State.WITHDRAWN, State.EXPIRED}),
    State.APPROVED: frozenset({State.EFFECTIVE, State.WITHDRAWN, State.EXPIRED}),
}
"""Where each state leads; a state that is not here is final."""


class ReasonCode(StrEnum):
    """Why, in one word: the closed list of 004-R4, and what a policy needs."""

    DATA_REPAIR = "DATA_REPAIR"
    INCIDENT = "INCIDENT"
    SUPPORT = "SUPPORT"
    SECURITY = "SECURITY"
    RELEASE = "RELEASE"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody asks or decides. The text may name people, so it is never printed by accident.

    Raises `ReasonUnfit` when it is made of a text that cannot be kept.
    """

    code: ReasonCode
    text: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Check the text."""
        if len(self.text) > LONGEST_REASON or _UNPRINTABLE.search(self.text):
            raise ReasonUnfit


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen, as an approver sees it: metadata that a fact could hold, and no payload.

    ``subject`` is a reference to what it happens to, such as an id or a digest.
    """

    subject: str
    text: str
    digest: str

    @classmethod
    def of(cls, subject: str, document: Mapping[str, Json]) -> Plan:
        """Make a plan of its document. Raises `PlanUnfit`, `NotCanonical`."""
        text = canonical(document)
        if len(text) > LARGEST_PLAN or not _SUBJECT.fullmatch(subject):
            raise PlanUnfit
        return cls(subject, text.decode(), digest("ops.plan.v1", text).hex())


@dataclass(frozen=True, slots=True)
class Approval:
    """One row: who asked for what, who decided, and what came of it."""

    approval_id: str
    tenant_id: str | None
    kind: str
    subject: str
    plan: str
    plan_digest: str
    state: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    reason_code: str
    reason_text: str = field(repr=False)
    decided_by: str | None
    decided_at: datetime | None
    decision_code: str | None
    decision_text: str | None = field(repr=False)
    ended_by: str | None
    ended_at: datetime | None

    def at(self, now: datetime) -> Approval:
        """Return it as it stands at a moment: expired when its time has run out."""
        if State(self.state) in MOVES and now >= self.expires_at:
            return replace(self, state=State.EXPIRED.value, ended_at=self.expires_at, ended_by=None)
        return self

    def quotes(self, quoted: str) -> bool:
        """Tell whether somebody who saw the plan could have quoted this."""
        return bool(_QUOTE.fullmatch(quoted)) and self.plan_digest.startswith(quoted)

    def summary(self) -> dict[str, Any]:
        """Return what a list shows: no plan, no text."""
        return {
            "approval_id": self.approval_id,
            "kind": self.kind,
            "subject": self.subject,
            "tenant_id": self.tenant_id,
            "state": self.state,
            "plan_digest": self.plan_digest,
            "requested_by": self.requested_by,
            "requested_at": instant(self.requested_at),
            "expires_at": instant(self.expires_at),
            "reason_code": self.reason_code,
            "decided_by": self.decided_by,
            "decided_at": _instant(self.decided_at),
            "decision_code": self.decision_code,
            "ended_by": self.ended_by,
            "ended_at": _instant(self.ended_at),
        }

    def details(self) -> dict[str, Any]:
        """Return everything that an approver needs."""
        return {
            **self.summary(),
            "reason": self.reason_text,
            "decision": self.decision_text,
            "plan": orjson.loads(self.plan),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """An approval after a request about it, and whether the request changed anything."""

    approval: Approval
    changed: bool


def approval_id(text: str) -> str:
    """Return an id that can be one. Raises `ApprovalUnknown`."""
    if not PATTERN.fullmatch(text) or not text.startswith(f"{PREFIX}_"):
        raise ApprovalUnknown
    return text


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)
