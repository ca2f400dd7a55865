"""Permissions and facts of the gate."""

from __future__ import annotations

import re
from enum import StrEnum

from shared.governance.facts import CODE, CONTRACT, DIGEST, IDENTIFIER, FactKind

_DOCUMENT = re.compile(r"none|" + DIGEST.pattern)


class Permission(StrEnum):
    """What callers of the gate may be allowed to do."""

    RECORD_SUBMIT = "ingest:record:submit"
    RECEIPT_READ = "ingest:receipt:read"
    RECEIPT_RECONCILE = "ingest:receipt:reconcile"


REQUEST_DECIDED = FactKind(
    "ingest:request:decided",
    "A request was decided: how many records were admitted and how many were known before.",
    {
        "request_id": IDENTIFIER,
        "contract": CONTRACT,
        "records": int,
        "admitted": int,
        "duplicates": int,
        "document": _DOCUMENT,
    },
)
REQUEST_REFUSED = FactKind(
    "ingest:request:refused",
    "A request was refused and nothing of it was stored (D24).",
    {"contract": CONTRACT, "code": CODE, "problems": int},
)
PAYLOAD_DIFFERED = FactKind(
    "ingest:payload:differed",
    "Anomaly PAYLOAD_HASH_MISMATCH: an event id came again with another payload.",
    {"contract": CONTRACT, "code": CODE, "problems": int},
)
DOCUMENTS_BACKFILLED = FactKind(
    "ingest:document:backfilled",
    "Receipt documents whose write was lost were written.",
    {"documents": int},
)
