"""What the gate answers, as models that describe it; the gate itself writes its answers out.

Apart from `wire`, so that a request for admission loads no model.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class ReasonView(BaseModel):
    """Why a record is in quarantine."""

    model_config = ConfigDict(extra="forbid")

    pointer: str
    code: str
    detail: str


class DecisionView(BaseModel):
    """What became of one record, in the order of the request."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["ADMIT", "DUPLICATE", "QUARANTINE"]
    receipt_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    reasons: Annotated[
        list[ReasonView],
        Field(description="Only of a record in quarantine: the first of what is wrong with it."),
    ] = []


class AnswerView(BaseModel):
    """What the gate answers: counts, and one decision per record."""

    model_config = ConfigDict(extra="forbid")

    request_id: str
    policy_rev: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    handling: Literal["strict", "lenient"]
    admitted: Annotated[int, Field(ge=0)]
    duplicates: Annotated[int, Field(ge=0)]
    quarantined: Annotated[int, Field(ge=0)] = 0
    records: list[DecisionView]
