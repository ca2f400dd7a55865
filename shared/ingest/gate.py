"""The gate: one request in, one transaction, one answer out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import orjson

from shared.governance.facts import FactKind, record
from shared.identity.authority import demand
from shared.ingest import errors, vocabulary
from shared.ingest.admission import Candidate, Compiled, record_hash, texts_of
from shared.ingest.body import read
from shared.ingest.contracts import Contract
from shared.ingest.documents import Documents, Pending
from shared.ingest.receipts import render
from shared.kernel.call import Call
from shared.kernel.canonical import (
    Json,
    NotCanonical,
    canonical,
    content_address,
    digest,
    keyed_digest,
    same,
)
from shared.kernel.clock import instant
from shared.kernel.db import Database, Tx
from shared.kernel.errors import Conflict, EnvironmentDiffers, Invalid, Item, OpsError
from shared.kernel.ids import IdSource, RunId, TenantId
from shared.kernel.ports import Telemetry
from shared.kernel.sql import Queries
from shared.pii.keyring import Keyring, Keys
from shared.pii.redaction import (
    KeyedPlaceholders,
    LeakFound,
    PatternRedactor,
    RedactedText,
    Redactor,
    deterministic_leaks,
)
from shared.pii.vault import Sealed, Secret, Vault

_sql = Queries("shared.ingest")

ADMIT = "ADMIT"
DUPLICATE = "DUPLICATE"
_KEY_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Submission:
    """One request to the gate, as it arrived."""

    contract: str
    media_type: str
    body: bytes = field(repr=False)
    policy_rev: str | None
    idempotency_key: str | None = field(default=None, repr=False)
    handling: str = "strict"


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one record."""

    decision: str
    receipt_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is told; ``body`` is canonical and is what a repeat gets again."""

    body: bytes = field(repr=False)
    admitted: int
    duplicates: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Gate:
    """What one look at the control tables tells."""

    environment: str
    active_policy: str | None
    tenant_status: str | None
    principal_status: str | None
    contracts: list[str]
    run_id: str | None
    locked: bool


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A batch that is ready for the ledger, and the vault's proof for it."""

    candidates: Sequence[Candidate]
    bodies: Sequence[bytes] = field(repr=False)
    deterministic: Sequence[bytes] = field(repr=False)
    semantic: Sequence[bytes] = field(repr=False)
    sealed: Sealed


class IngestGate:
    """Admits records of known contracts from granted producers."""

    def __init__(  # noqa: PLR0913 - its collaborators, by name
        self,
        *,
        data: Database,
        keyring: Keyring,
        vault: Vault,
        documents: Documents,
        contracts: Mapping[str, Contract],
        policy_rev: str,
        ids: IdSource,
        telemetry: Telemetry,
        max_records: int,
        config_revision: str,
    ) -> None:
        """Serve ``contracts``, whose policy revision is ``policy_rev``."""
        self._data = data
        self._keyring = keyring
        self._vault = vault
        self._documents = documents
        self._contracts = contracts
        self._compiled: dict[str, Compiled] = {}
        self._redactors: dict[TenantId, tuple[bytes, Redactor]] = {}
        self._policy_rev = policy_rev
        self._ids = ids
        self._telemetry = telemetry
        self._max_records = max_records
        self._config_revision = config_revision

    def submit(self, call: Call, submission: Submission) -> Answer:
        """Decide one request under strict handling: every record, or none (D17, 000-R15).

        Raises an error of `shared.ingest.errors`; then nothing is stored but one fact.
        """
        demand(call, vocabulary.Permission.RECORD_SUBMIT)
        tenant_id = call.tenant_id
        if tenant_id is None:
            raise errors.TenantMissing
        if submission.handling != "strict":
            raise errors.HandlingUnsupported
        compiled = self._compile(submission.contract)
        try:
            answer, pending = self._decide(call, tenant_id, compiled, submission)
        except (Invalid, Conflict) as error:
            self._refuse(call, submission.contract, error)
            raise
        if pending is not None:
            self._documents.write_soon(pending)
        self._telemetry.count("ingest.records.admitted", answer.admitted)
        self._telemetry.count("ingest.records.duplicate", answer.duplicates)
        return answer

    def _compile(self, name: str) -> Compiled:
        compiled = self._compiled.get(name)
        if compiled is None:
            if name not in self._contracts:
                raise errors.ContractUnknown
            compiled = self._compiled[name] = Compiled(self._contracts[name])
        return compiled

    def _decide(
        self, call: Call, tenant_id: TenantId, compiled: Compiled, submission: Submission
    ) -> tuple[Answer, Pending | None]:
        key = _idempotency(call, submission)
        with self._data.transaction(call) as tx:
            run_id = self._authorise(tx, call, compiled.contract.name, submission, key)
            call = replace(call, policy_rev=self._policy_rev)
            keys = self._keyring.of(tx, tenant_id)
            body_hash = keyed_digest(keys.index, "ops.body.v1", submission.body)
            if key is not None and (answer := _replay(tx, tenant_id, key, body_hash)):
                return answer, None
            candidates = self._read(compiled, submission, tenant_id, run_id, keys)
            fresh = _claim(tx, tenant_id, candidates)
            request_id = self._ids.mint("req", call.now)
            pending = None
            if fresh:
                with tx.pipeline():
                    batch = self._prepare(tx, call, compiled, keys, fresh, run_id, request_id)
                    pending = _admit(tx, call, compiled.contract.name, batch, request_id)
                    answer = _answer(request_id, self._policy_rev, candidates, fresh)
                    _record(tx, call, compiled.contract.name, request_id, answer, pending)
                    _keep(tx, call, key, body_hash, answer)
            else:
                with tx.pipeline():
                    answer = _answer(request_id, self._policy_rev, candidates, fresh)
                    _record(tx, call, compiled.contract.name, request_id, answer, None)
                    _keep(tx, call, key, body_hash, answer)
        return answer, pending

    def _authorise(
        self, tx: Tx, call: Call, contract: str, submission: Submission, key: bytes | None
    ) -> RunId:
        """Check the producer, the policy and the idempotency lock; one round trip.

        (1) the database belongs to this environment (D1); (2) the producer is known, active and
        works for the tenant; (3) the tenant takes writes; (4) the producer may post this
        contract; (5) this release carries the active policy (002-R14); (6) the request expects
        it (002-R15); (7) the idempotency key can be one, and nobody else is answering it.
        What fails after (5) leaves a fact in the tenant's ledger; what fails before may not,
        because it is not the caller's tenant to write into.
        """
        found = tx.one(
            _Gate,
            _sql.open_gate,
            {
                "tenant_id": call.tenant_id,
                "object_id": call.actor.subject,
                "lock": None if key is None else int.from_bytes(key[:8], "big", signed=True),
            },
        )
        # (1)
        if found is None or found.environment != call.environment:
            raise EnvironmentDiffers
        # (2)
        if found.principal_status != "active" or not found.contracts or found.run_id is None:
            raise errors.TenantUnknown
        # (3)
        if found.tenant_status != "active":
            raise errors.TenantSuspended
        # (4)
        if contract not in found.contracts:
            raise errors.ProducerNotGranted
        # (5)
        if found.active_policy != self._policy_rev:
            raise errors.PolicyNotActive
        # (6)
        if submission.policy_rev is None:
            raise errors.PolicyRevMissing
        if submission.policy_rev != found.active_policy:
            raise errors.PolicyRevDiffers
        # (7)
        if submission.idempotency_key is not None and key is None:
            raise errors.IdempotencyKeyUnfit
        if not found.locked:
            raise errors.InFlight
        return RunId(found.run_id)

    def _read(
        self,
        compiled: Compiled,
        submission: Submission,
        tenant_id: TenantId,
        run_id: RunId,
        keys: Keys,
    ) -> list[Candidate]:
        """Parse and validate every record before any of them touches a table."""
        records, several = read(submission.media_type, submission.body, self._max_records)
        candidates: list[Candidate] = []
        items: list[Item] = []
        for index, raw in enumerate(records):
            prefix = f"/{index}" if several else ""
            found, wrong = compiled.check(raw)
            if found is None:
                items.extend(Item(prefix + i.pointer, i.code, i.message) for i in wrong)
                continue
            try:
                candidates.append(
                    compiled.identify(index, prefix, found, tenant_id, run_id, keys.index)
                )
            except NotCanonical:
                items.append(Item(prefix, "not_canonical", "holds text that cannot be stored"))
        if items:
            raise errors.RecordsRefused(items=tuple(items))
        return candidates

    def _prepare(  # noqa: PLR0913 - one step of the order, with what it needs
        self,
        tx: Tx,
        call: Call,
        compiled: Compiled,
        keys: Keys,
        fresh: Sequence[Candidate],
        run_id: RunId,
        request_id: str,
    ) -> _Admitted:
        """Seal, redact, check for leaks, and write out the ledger texts of a batch."""
        parts = [compiled.split(candidate.record) for candidate in fresh]
        sealed = self._vault.seal(
            tx,
            call,
            keys,
            [
                Secret(
                    candidate.receipt_id,
                    part.personal,
                    compiled.identifiers(part.personal, keys.index),
                )
                for candidate, part in zip(fresh, parts, strict=True)
            ],
        )
        redactor = self._redactor(keys)
        common = self._common(call, compiled.contract, run_id, request_id)
        bodies, deterministic, semantic, items = [], [], [], []
        for candidate, part in zip(fresh, parts, strict=True):
            known = compiled.known_values(part.personal)
            items += [
                Item(candidate.at + leak.pointer, leak.code.lower(), "holds a value of a pii field")
                for leak in deterministic_leaks(texts_of(part.deterministic), known)
            ]
            try:
                clean: Mapping[str, RedactedText] = redactor.redact(part.semantic, known)
            except LeakFound as leak:
                items += [
                    Item(candidate.at + leak.field, code.lower(), "personal data would remain")
                    for code in leak.codes
                ]
                continue
            texts = {pointer: text.text for pointer, text in clean.items()}
            stored = record_hash(keys.index, part.deterministic, texts)
            deterministic.append(orjson.dumps(part.deterministic))
            semantic.append(orjson.dumps(texts))
            bodies.append(
                canonical(
                    {
                        **common,
                        "receipt_id": candidate.receipt_id,
                        "index": candidate.index,
                        "event_id": candidate.event_id,
                        "ts_utc": candidate.record[compiled.contract.event_time],
                        "payload_hash": _hmac(candidate.payload_hash),
                        "record_hash": _hmac(stored),
                        "dedupe_key": candidate.dedupe_key.hex(),
                        "partition_key": compiled.partition_key(candidate.record),
                        "eb_ref": {
                            "stream": "admission",
                            "entry": candidate.receipt_id,
                            "offset_kind": "entry",
                        },
                    }
                )
            )
        if items:
            raise errors.RecordsRefused(items=tuple(items))
        return _Admitted(fresh, bodies, deterministic, semantic, sealed)

    def _redactor(self, keys: Keys) -> Redactor:
        kept = self._redactors.get(keys.tenant_id)
        if kept is None or not same(kept[0], keys.index):
            placeholders = KeyedPlaceholders(keyed_digest(keys.index, "ops.placeholders.v1", b""))
            kept = (keys.index, PatternRedactor(placeholders))
            self._redactors[keys.tenant_id] = kept
        return kept[1]

    def _common(
        self, call: Call, contract: Contract, run_id: RunId, request_id: str
    ) -> dict[str, Json]:
        """Return what every receipt of a request says alike (002-B, D2)."""
        return {
            "receipt": "ops.receipt.v1",
            "tenant_id": call.tenant_id,
            "request_id": request_id,
            "call_id": call.call_id,
            "decision": ADMIT,
            "reason_codes": [],
            "evidence_refs": [],
            "event_type": contract.name,
            "event_class": contract.event_class,
            "platform_run_id": run_id,
            "admitted_at_utc": instant(call.now),
            "policy_rev": {"policy_id": "ingest", "content_digest": self._policy_rev},
            "partitioning_profile_id": contract.partitioning_profile,
            "actor": {
                "actor_id": call.actor.actor_id,
                "source_type": call.actor.source_type.value,
                "auth_mode": call.actor.auth_mode.value,
                "principal": call.actor.subject,
            },
            "provenance": {
                "service_release_id": call.service_release_id,
                "environment": call.environment,
                "config_revision": self._config_revision,
            },
        }

    def _refuse(self, call: Call, contract: str, error: OpsError) -> None:
        """Leave one aggregated fact of a refused request (D24)."""
        kind: FactKind = vocabulary.REQUEST_REFUSED
        if isinstance(error, errors.PayloadDiffers):
            kind = vocabulary.PAYLOAD_DIFFERED
        if isinstance(error, errors.InFlight):
            return
        problems = max(1, len(error.items))
        call = replace(call, policy_rev=self._policy_rev)
        with self._data.transaction(call) as tx:
            record(
                tx,
                call,
                kind,
                call.call_id,
                contract=contract,
                code=error.code,
                problems=problems,
            )
        self._telemetry.count("ingest.requests.refused", 1, code=error.code)


def _idempotency(call: Call, submission: Submission) -> bytes | None:
    """Return what stands for the request's key, or ``None`` for no key or one that is unfit."""
    key = submission.idempotency_key
    if key is None or not 0 < len(key) <= _KEY_LENGTH:
        return None
    if not key.isascii() or not key.isprintable():
        return None
    scope = canonical([call.tenant_id, call.actor.actor_id, submission.contract, key])
    return digest("ops.idempotency.v1", scope)


def _replay(tx: Tx, tenant_id: TenantId, key: bytes, body_hash: bytes) -> Answer | None:
    rows = tx.rows(_sql.stored_answer, {"tenant_id": tenant_id, "key_digest": key})
    if not rows:
        return None
    stored_hash, stored = rows[0]
    if not same(stored_hash, body_hash):
        raise errors.KeyReused
    told = orjson.loads(stored)
    return Answer(stored, told["admitted"], told["duplicates"], replayed=True)


def _claim(tx: Tx, tenant_id: TenantId, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the records that are new; the rest are duplicates of an equal payload.

    Raises `PayloadDiffers` when an event id is known, here or in this request, with another
    payload.
    """
    first: dict[bytes, Candidate] = {}
    clashes: list[Candidate] = []
    for candidate in candidates:
        earlier = first.setdefault(candidate.dedupe_key, candidate)
        if not same(earlier.payload_hash, candidate.payload_hash):
            clashes.append(candidate)
    claimed = set(
        tx.values(
            _sql.claim_keys,
            {
                "tenant_id": tenant_id,
                "dedupe_keys": list(first),
                "payload_hashes": [candidate.payload_hash for candidate in first.values()],
            },
            binary=True,
        )
    )
    known = [key for key in first if key not in claimed]
    if known:
        rows = tx.rows(
            _sql.claimed_payloads, {"tenant_id": tenant_id, "dedupe_keys": known}, binary=True
        )
        clashes += [first[key] for key, stored in rows if not same(stored, first[key].payload_hash)]
    if clashes:
        raise errors.PayloadDiffers(
            items=tuple(
                Item(
                    clash.at,
                    "payload_hash_mismatch",
                    "this event id was admitted with another payload",
                )
                for clash in sorted(clashes, key=lambda clash: clash.index)
            )
        )
    return [candidate for key, candidate in first.items() if key in claimed]


def _admit(tx: Tx, call: Call, contract: str, batch: _Admitted, request_id: str) -> Pending:
    """Write the ledger, the records and the document's index row of a batch.

    Demands the vault's proof: what was not sealed cannot be admitted.
    """
    receipt_ids = [candidate.receipt_id for candidate in batch.candidates]
    if not batch.sealed.covers(receipt_ids):
        raise OpsError("a record would be admitted before its personal data is sealed")
    tenant_id = call.tenant_id or ""
    document = render(tenant_id, request_id, batch.bodies)
    address = content_address(document)
    tx.run(
        _sql.insert_admissions,
        {"month": _month(call.now), "bodies": [body.decode() for body in batch.bodies]},
    )
    tx.run(
        _sql.insert_records,
        {
            "tenant_id": tenant_id,
            "contract": contract,
            "receipt_ids": receipt_ids,
            "deterministic": [text.decode() for text in batch.deterministic],
            "semantic": [text.decode() for text in batch.semantic],
        },
    )
    tx.run(
        _sql.insert_document,
        {
            "tenant_id": tenant_id,
            "request_id": request_id,
            "digest": address,
            "receipt_ids": receipt_ids,
            "now": call.now,
        },
    )
    return Pending(call, request_id, address, document)


def _answer(
    request_id: str,
    policy_rev: str,
    candidates: Sequence[Candidate],
    fresh: Sequence[Candidate],
) -> Answer:
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


def _record(  # noqa: PLR0913 - the fact's contents
    tx: Tx, call: Call, contract: str, request_id: str, answer: Answer, pending: Pending | None
) -> None:
    record(
        tx,
        call,
        vocabulary.REQUEST_DECIDED,
        request_id,
        request_id=request_id,
        contract=contract,
        records=answer.admitted + answer.duplicates,
        admitted=answer.admitted,
        duplicates=answer.duplicates,
        document=pending.digest if pending else "none",
    )


def _keep(tx: Tx, call: Call, key: bytes | None, body_hash: bytes, answer: Answer) -> None:
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


def _hmac(value: bytes) -> dict[str, str]:
    return {"algo": "hmac-sha256", "hex": value.hex()}


def _month(now: datetime) -> int:
    return now.year * 100 + now.month
