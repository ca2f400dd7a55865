"""How the gate is spelled over HTTP: headers in, answers out."""

from __future__ import annotations

import re

from shared.ingest.answers import Answer
from shared.ingest.entrance import LENIENT, STRICT, Submission
from shared.ingest.errors import ReceiptMissing
from shared.kernel.ids import ReceiptId
from shared.kernel.inbound import Reply, Request

POLICY_REV = "ops-policy-rev"
IDEMPOTENCY_KEY = "idempotency-key"
PREFER = "prefer"
RUN = "ops-run"

_HANDLING = re.compile(r"(?:^|[,;\s])handling\s*=\s*\"?([a-z-]+)\"?", re.IGNORECASE)
_RECEIPT_ID = re.compile(r"[0-9a-f]{32}")


def submission(request: Request) -> Submission:
    """Return what a request asks of the gate."""
    prefer = _HANDLING.search(request.headers.get(PREFER, ""))
    return Submission(
        contract=request.params.get("contract", ""),
        media_type=request.media_type,
        body=request.body,
        policy_rev=policy_rev(request),
        idempotency_key=request.headers.get(IDEMPOTENCY_KEY),
        handling=prefer[1].lower() if prefer else STRICT,
        run_id=request.headers.get(RUN),
    )


def policy_rev(request: Request) -> str | None:
    """Return the policy revision that the caller expects."""
    return request.headers.get(POLICY_REV)


def answered(answer: Answer, handling: str) -> Reply:
    """Return the answer of the gate; 201 when something was admitted."""
    applied = LENIENT if handling == LENIENT else STRICT
    headers = {"Preference-Applied": f"handling={applied}"}
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
