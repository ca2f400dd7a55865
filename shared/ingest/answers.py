"""Answers of the gate, and the ones kept for a repeat under an Idempotency-Key (001-R4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from shared.ingest.admission import Candidate
from shared.ingest.entrance import Submission
from shared.ingest.errors import KeyReused
from shared.ingest.quarantining import Held
from shared.kernel.call import Call
from shared.kernel.canonical import Json, canonical, digest, same
from shared.kernel.db import Tx
from shared.kernel.ids import TenantId
from shared.kernel.sql import Queries

_sql = Queries("shared.ingest")

ADMIT = "ADMIT"
DUPLICATE = "DUPLICATE"
QUARANTINE = "QUARANTINE"
_KEY_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is told; ``body`` is what a repeat gets again, byte for byte."""

    body: bytes = field(repr=False)
    admitted: int
    duplicates: int
    quarantined: int = 0
    replayed: bool = False


def answer(  # noqa: PLR0913 - what an answer is made of
    request_id: str,
    policy_rev: str,
    handling: str,
    candidates: Sequence[Candidate],
    admitted: Sequence[Candidate],
    held: Sequence[Held],
) -> Answer:
    """Return what the caller is told: a decision and a receipt for every record, in order."""
    new = {candidate.index for candidate in admitted}
    aside = {entry.index: entry for entry in held}
    decisions: dict[int, Mapping[str, Json]] = {
        candidate.index: {
            "decision": ADMIT if candidate.index in new else DUPLICATE,
            "receipt_id": candidate.receipt_id,
        }
        for candidate in candidates
        if candidate.index not in aside
    }
    duplicates = len(decisions) - len(new)
    for entry in held:
        decisions[entry.index] = {
            "decision": QUARANTINE,
            "receipt_id": entry.receipt_id,
            "reasons": [
                {"pointer": item.pointer, "code": item.code, "detail": item.message}
                for item in entry.reasons
            ],
        }
    body = orjson.dumps(
        {
            "request_id": request_id,
            "policy_rev": policy_rev,
            "handling": handling,
            "admitted": len(new),
            "duplicates": duplicates,
            "quarantined": len(held),
            "records": [decisions[index] for index in sorted(decisions)],
        }
    )
    return Answer(body, len(new), duplicates, len(held))


def key_digest(call: Call, contract: str, key: str | None) -> bytes | None:
    """Return what stands for the request's key, or ``None`` for no key or one that is unfit."""
    if key is None or not 0 < len(key) <= _KEY_LENGTH:
        return None
    if not key.isascii() or not key.isprintable():
        return None
    scope = canonical([call.tenant_id, call.actor.actor_id, contract, key])
    return digest("ops.idempotency.v1", scope)


def identity_of(submission: Submission) -> bytes:
    """Return what has to be equal for a repeat: the body, what it is, its handling, its run."""
    said = f"{submission.media_type}|{submission.handling}|{submission.run_id or ''}\n"
    return said.encode() + submission.body


def replay(tx: Tx, tenant_id: TenantId, key: bytes, body_hash: bytes) -> Answer | None:
    """Return the answer given under a key before. Raises `KeyReused` for another body."""
    rows = tx.rows(_sql.stored_answer, {"tenant_id": tenant_id, "key_digest": key})
    if not rows:
        return None
    stored_hash, stored = rows[0]
    if not same(stored_hash, body_hash):
        raise KeyReused
    told = orjson.loads(stored)
    return Answer(
        stored, told["admitted"], told["duplicates"], told.get("quarantined", 0), replayed=True
    )


def keep(tx: Tx, call: Call, key: bytes | None, body_hash: bytes, answer: Answer) -> None:
    """Keep an answer under its idempotency key, if the request has one."""
    if key is not None:
        tx.run(
            _sql.keep_answer,
            {
                "tenant_id": call.tenant_id,
                "key_digest": key,
                "body_hash": body_hash,
                "answer": answer.body,
                "now": call.now,
            },
        )
