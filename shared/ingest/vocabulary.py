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
    QUARANTINE_READ = "ingest:quarantine:read"
    QUARANTINE_RELEASE = "ingest:quarantine:release"
    QUARANTINE_DISCARD = "ingest:quarantine:discard"
    QUARANTINE_EXPIRE = "ingest:quarantine:expire"
    RUN_READ = "ingest:run:read"
    RUN_OPEN = "ingest:run:open"
    RUN_CLOSE = "ingest:run:close"


REQUEST_DECIDED = FactKind(
    "ingest:request:decided",
    "A request was decided: how many records were admitted, known before, or set aside.",
    {
        "request_id": IDENTIFIER,
        "contract": CONTRACT,
        "handling": CODE,
        "platform_run_id": IDENTIFIER,
        "records": int,
        "admitted": int,
        "duplicates": int,
        "quarantined": int,
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
QUARANTINE_RELEASED = FactKind(
    "ingest:quarantine:released",
    "A held record was decided again and has a receipt of its own now.",
    {"receipt_id": DIGEST, "released_as": DIGEST, "contract": CONTRACT, "reason_code": CODE},
)
QUARANTINE_DISCARDED = FactKind(
    "ingest:quarantine:discarded",
    "A held record was given up by an operator; its sealed copy is gone.",
    {"receipt_id": DIGEST, "contract": CONTRACT, "reason_code": CODE},
)
QUARANTINE_EXPIRED = FactKind(
    "ingest:quarantine:expired",
    "Held records were not settled in time; their sealed copies are gone.",
    {"records": int},
)
RUN_OPENED = FactKind(
    "ingest:run:opened",
    "A platform run was opened with its first segment (RUN_STARTED).",
    {"platform_run_id": IDENTIFIER, "segment_policy": DIGEST},
)
RUN_CLOSED = FactKind(
    "ingest:run:closed",
    "A platform run was closed; nothing is admitted into it any more (RUN_ENDED, RUN_CANCELLED).",
    {"platform_run_id": IDENTIFIER, "outcome": CODE, "segments": int},
)
RUNS_SEGMENTED = FactKind(
    "ingest:run:segmented",
    "Another policy revision is in force: every open run goes on in a new segment (002-R16).",
    {"revision": DIGEST, "runs": int},
)
