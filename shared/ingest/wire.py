"""How the gate is spelled over HTTP: headers in, answers out."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.ingest.answers import Answer
from shared.ingest.errors import ReceiptMissing
from shared.ingest.gate import Submission
from shared.kernel.ids import ReceiptId
from shared.kernel.inbound import Reply, Request

POLICY_REV = "ops-policy-rev"
IDEMPOTENCY_KEY = "idempotency-key"
PREFER = "prefer"

_HANDLING = re.compile(r"(?:^|[,;\s])handling\s*=\s*\"?([a-z-]+)\"?", re.IGNORECASE)
_RECEIPT_ID = re.compile(r"[0-9a-f]{32}")


class DecisionView(BaseModel):
    """What became of one record, in the order of the request."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["ADMIT", "DUPLICATE"]
    receipt_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class AnswerView(BaseModel):
    """What the gate answers: counts, and one decision per record."""

    model_config = ConfigDict(extra="forbid")

    request_id: str
    policy_rev: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    handling: Literal["strict"]
    admitted: Annotated[int, Field(ge=0)]
    duplicates: Annotated[int, Field(ge=0)]
    records: list[DecisionView]


def submission(request: Request) -> Submission:
    """Return what a request asks of the gate."""
    prefer = _HANDLING.search(request.headers.get(PREFER, ""))
    return Submission(
        contract=request.params.get("contract", ""),
        media_type=request.media_type,
        body=request.body,
        policy_rev=request.headers.get(POLICY_REV),
        idempotency_key=request.headers.get(IDEMPOTENCY_KEY),
        handling=prefer[1].lower() if prefer else "strict",
    )


def answered(answer: Answer) -> Reply:
    """Return the answer of the gate; 201 when something was admitted."""
    headers = {"Preference-Applied": "handling=strict"}
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Reply(answer.body, status=201 if answer.admitted else 200, headers=headers)


def receipt_id(request: Request) -> ReceiptId:
    """Return the receipt a request asks for. Raises `ReceiptMissing` for what cannot be one."""
    found = request.params.get("receipt_id", "")
    if not _RECEIPT_ID.fullmatch(found):
        raise ReceiptMissing
    return ReceiptId(found)


def receipt(body: bytes) -> Reply:
    """Return a receipt as it stands in the ledger."""
    return Reply(body)
