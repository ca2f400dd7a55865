"""Answers of the gate, and the ones kept for a repeat under an Idempotency-Key (001-R4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from shared.ingest.admission import Candidate
from shared.ingest.errors import KeyReused
from shared.kernel.call import Call
from shared.kernel.canonical import canonical, digest, same
from shared.kernel.db import Tx
from shared.kernel.ids import TenantId
from shared.kernel.sql import Queries

_sql = Queries("shared.ingest")

ADMIT = "ADMIT"
DUPLICATE = "DUPLICATE"
_KEY_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is told; ``body`` is canonical and is what a repeat gets again."""

    body: bytes = field(repr=False)
    admitted: int
    duplicates: int
    replayed: bool = False


def answer(
    request_id: str,
    policy_rev: str,
    candidates: Sequence[Candidate],
    fresh: Sequence[Candidate],
) -> Answer:
    """Return what the caller is told: a decision and a receipt for every record, in order."""
    new = {candidate.index for candidate in fresh}
    records = [
        {
            "decision": ADMIT if candidate.index in new else DUPLICATE,
            "receipt_id": candidate.receipt_id,
        }
        for candidate in candidates
    ]
    admitted = len(fresh)
    body = canonical(
        {
            "request_id": request_id,
            "policy_rev": policy_rev,
            "handling": "strict",
            "admitted": admitted,
            "duplicates": len(candidates) - admitted,
            "records": records,
        }
    )
    return Answer(body, admitted, len(candidates) - admitted)


def key_digest(call: Call, contract: str, key: str | None) -> bytes | None:
    """Return what stands for the request's key, or ``None`` for no key or one that is unfit."""
    if key is None or not 0 < len(key) <= _KEY_LENGTH:
        return None
    if not key.isascii() or not key.isprintable():
        return None
    scope = canonical([call.tenant_id, call.actor.actor_id, contract, key])
    return digest("ops.idempotency.v1", scope)


def replay(tx: Tx, tenant_id: TenantId, key: bytes, body_hash: bytes) -> Answer | None:
    """Return the answer given under a key before. Raises `KeyReused` for another body."""
    rows = tx.rows(_sql.stored_answer, {"tenant_id": tenant_id, "key_digest": key})
    if not rows:
        return None
    stored_hash, stored = rows[0]
    if not same(stored_hash, body_hash):
        raise KeyReused
    told = orjson.loads(stored)
    return Answer(stored, told["admitted"], told["duplicates"], replayed=True)


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
