"""Facts of governance itself."""

from __future__ import annotations

from enum import StrEnum

from shared.governance.facts import CALLER, CODE, FactKind


class Permission(StrEnum):
    """Permissions of this room."""

    DENIALS_SETTLE = "governance:denial:settle"


CREDENTIALS_REFUSED = FactKind(
    "identity:credential:refused",
    "Credentials were refused: one fact per code, caller and minute, with a count.",
    {"code": CODE, "caller": CALLER, "minute": int, "denials": int},
)
