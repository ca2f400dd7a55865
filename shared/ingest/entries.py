"""The ledger texts of receipts (002-B, D2): canonical, and all that evidence ever says of a record.

Nothing here comes from a pii or semantic field, nor from a record that broke its contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.ingest.admission import Candidate, Compiled
from shared.ingest.answers import ADMIT, QUARANTINE
from shared.ingest.contracts import Contract
from shared.ingest.quarantining import Held, Release, codes
from shared.kernel.call import Call
from shared.kernel.canonical import Json, canonical, canonical_checked
from shared.kernel.clock import instant
from shared.kernel.ids import RunId


@dataclass(frozen=True, slots=True)
class Frame:
    """What all records of one request have in common."""

    contract: Contract
    run_id: RunId
    segment: int
    request_id: str
    policy_rev: str
    config_revision: str
    handling: str
    released: Release | None = None
    """Which held record this request releases, if it does."""


def common(call: Call, frame: Frame) -> dict[str, Json]:
    """Return what every receipt of a request says alike."""
    return {
        "receipt": "ops.receipt.v1",
        "tenant_id": call.tenant_id,
        "request_id": frame.request_id,
        "call_id": call.call_id,
        "event_type": frame.contract.name,
        "event_class": frame.contract.event_class,
        "platform_run_id": frame.run_id,
        "run_segment": frame.segment,
        "policy_rev": {"policy_id": "ingest", "content_digest": frame.policy_rev},
        "actor": {
            "actor_id": call.actor.actor_id,
            "source_type": call.actor.source_type.value,
            "auth_mode": call.actor.auth_mode.value,
            "principal": call.actor.subject,
        },
        "provenance": {
            "service_release_id": call.service_release_id,
            "environment": call.environment,
            "config_revision": frame.config_revision,
        },
        # Of an admission; `quarantined` says these otherwise.
        "decision": ADMIT,
        "reason_codes": [],
        "evidence_refs": []
        if frame.released is None
        else [{"ref_type": "QUARANTINE", "ref_id": frame.released.receipt_id}],
        "admitted_at_utc": instant(call.now),
        "partitioning_profile_id": frame.contract.partitioning_profile,
    }


def admitted(
    common: Mapping[str, Json], compiled: Compiled, candidate: Candidate, record_hash: bytes
) -> bytes:
    """Return the receipt of an admitted record."""
    return canonical_checked(
        {
            **common,
            "receipt_id": candidate.receipt_id,
            "index": candidate.index,
            "event_id": candidate.event_id,
            "ts_utc": compiled.event_time(candidate.record),
            "payload_hash": _hmac(candidate.payload_hash),
            "record_hash": _hmac(record_hash),
            "dedupe_key": candidate.dedupe_key.hex(),
            "partition_key": compiled.partition_key(candidate.record),
            "eb_ref": {
                "stream": "admission",
                "entry": candidate.receipt_id,
                "offset_kind": "entry",
            },
        }
    )


def quarantined(common: Mapping[str, Json], held: Held) -> bytes:
    """Return the receipt of a record that is held: no event id, no time, no field of it."""
    said = dict(common)
    decided_at = said.pop("admitted_at_utc")
    del said["partitioning_profile_id"]
    return canonical(
        {
            **said,
            "receipt_id": held.receipt_id,
            "index": held.index,
            "decision": QUARANTINE,
            "reason_codes": codes(held.reasons),
            "evidence_refs": [{"ref_type": "QUARANTINE", "ref_id": held.receipt_id}],
            "decided_at_utc": decided_at,
            "content_hash": _hmac(held.content_hash),
        }
    )


def _hmac(value: bytes) -> dict[str, Json]:
    return {"algo": "hmac-sha256", "hex": value.hex()}
