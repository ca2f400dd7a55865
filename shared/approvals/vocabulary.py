"""Permissions and facts of approvals. Who may propose or decide what is said by each kind."""

from __future__ import annotations

import re
from enum import StrEnum

from shared.approvals.model import ReasonCode
from shared.governance.facts import CODE, DIGEST, IDENTIFIER, OBJECT_ID, FactKind


class Permission(StrEnum):
    """Permissions of this room; proposing and deciding need the kind's permission as well."""

    REQUEST_READ = "approvals:request:read"
    REQUEST_DECIDE = "approvals:request:decide"
    REQUEST_WITHDRAW = "approvals:request:withdraw"
    REQUEST_EXPIRE = "approvals:request:expire"


REASON = re.compile("|".join(ReasonCode))
_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
_WHAT = {"approval_id": IDENTIFIER, "kind": CODE, "plan": DIGEST}

PROPOSED = FactKind(
    "approvals:request:proposed",
    "Somebody asked for a second person's approval of a plan.",
    {**_WHAT, "subject": _SUBJECT, "reason": REASON},
)
APPROVED = FactKind(
    "approvals:request:approved",
    "A second person saw the plan and approved it.",
    {**_WHAT, "reason": REASON},
)
DENIED = FactKind(
    "approvals:request:denied",
    "A second person refused the plan.",
    {**_WHAT, "reason": REASON},
)
WITHDRAWN = FactKind(
    "approvals:request:withdrawn",
    "Who asked, or who approved, took it back before it took effect.",
    {**_WHAT, "held": CODE},
)
EXPIRED = FactKind(
    "approvals:request:expired",
    "The time ran out before it took effect.",
    {**_WHAT, "held": CODE},
)
TOOK_EFFECT = FactKind(
    "approvals:request:took_effect",
    "What was approved was done, in the same transaction.",
    {**_WHAT, "subject": _SUBJECT, "requested_by": OBJECT_ID, "approved_by": OBJECT_ID},
)
