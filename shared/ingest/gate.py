"""The gate: one request in, one transaction, one answer out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.governance.facts import FactKind, record
from shared.identity.authority import demand
from shared.ingest import answers, batch, dedupe, errors, vocabulary
from shared.ingest.admission import Candidate, Compiled
from shared.ingest.body import read
from shared.ingest.contracts import Contract
from shared.ingest.documents import Documents, Pending
from shared.kernel.call import Call, SourceType
from shared.kernel.canonical import NotCanonical, keyed_digest
from shared.kernel.db import TRANSACTION_SECONDS, Database, Tx
from shared.kernel.errors import Conflict, EnvironmentDiffers, Invalid, Item, OpsError
from shared.kernel.ids import IdSource, RunId, TenantId
from shared.kernel.ports import Telemetry
from shared.kernel.sql import Queries
from shared.pii.keyring import Keyring, Keys
from shared.pii.vault import Vault

_sql = Queries("shared.ingest")

_LISTED_IN_FULL = 500
"""Problems of one request that are all listed; more of them help nobody and cost minutes."""


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
class _Gate:
    """What one look at the control tables tells."""

    environment: str
    active_policy: str | None
    tenant_status: str | None
    principal_status: str | None
    principal_kind: str | None
    contracts: list[str]
    run_id: str | None
    locked: bool


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
        work_seconds: float = TRANSACTION_SECONDS / 3,
    ) -> None:
        """Serve ``contracts``, whose policy revision is ``policy_rev``."""
        self._data = data
        self._keyring = keyring
        self._vault = vault
        self._documents = documents
        self._contracts = contracts
        self._compiled: dict[str, Compiled] = {}
        self._policy_rev = policy_rev
        self._ids = ids
        self._telemetry = telemetry
        self._max_records = max_records
        self._config_revision = config_revision
        self._work_seconds = work_seconds

    def submit(self, call: Call, submission: Submission) -> answers.Answer:
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
        if not answer.replayed:
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
    ) -> tuple[answers.Answer, Pending | None]:
        key = answers.key_digest(call, submission.contract, submission.idempotency_key)
        with self._data.transaction(call) as tx:
            run_id = self._authorise(tx, call, compiled.contract.name, submission, key)
            call = replace(call, policy_rev=self._policy_rev)
            keys = self._keyring.of(tx, tenant_id)
            body_hash = keyed_digest(keys.index, "ops.body.v1", submission.body)
            if key is not None and (told := answers.replay(tx, tenant_id, key, body_hash)):
                return told, None
            deadline = batch.Deadline(self._work_seconds)
            candidates = self._read(compiled, submission, tenant_id, run_id, keys, deadline)
            fresh = dedupe.claim(tx, tenant_id, candidates)
            frame = batch.Frame(
                contract=compiled.contract,
                run_id=run_id,
                request_id=self._ids.mint("req", call.now),
                policy_rev=self._policy_rev,
                config_revision=self._config_revision,
            )
            pending = None
            # Nothing below is read back, so all of it travels in one round trip.
            with tx.pipeline():
                if fresh:
                    new = batch.prepare(
                        tx, call, self._vault, keys, compiled, fresh, frame, deadline
                    )
                    pending = batch.write(tx, call, new, frame)
                answer = answers.answer(frame.request_id, self._policy_rev, candidates, fresh)
                _record(tx, call, frame, answer, pending)
                answers.keep(tx, call, key, body_hash, answer)
        return answer, pending

    def _authorise(
        self, tx: Tx, call: Call, contract: str, submission: Submission, key: bytes | None
    ) -> RunId:
        """Check the producer, the policy and the idempotency lock; one round trip.

        (1) the database belongs to this environment (D1); (2) the producer is a known, active
        service, acts as one, and works for the tenant (000-R11, 002-R8); (3) the tenant takes
        writes; (4) the producer may post this contract; (5) this release carries the active
        policy (002-R14); (6) the request expects it (002-R15); (7) the idempotency key can be
        one, and nobody else is answering it. What fails after (5) leaves a fact in the tenant's
        ledger; what fails before may not, because it is not the caller's tenant to write into.
        """
        found = self._look(tx, call, key)
        # (2)
        known = found.principal_status == "active" and found.principal_kind == "service"
        if not known or not found.contracts or found.run_id is None:
            raise errors.TenantUnknown
        if call.actor.source_type is not SourceType.SYSTEM:
            raise errors.ProducerNotGranted
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

    @staticmethod
    def _look(tx: Tx, call: Call, key: bytes | None) -> _Gate:
        """Return what the control tables say, in one round trip. Raises `EnvironmentDiffers`."""
        with tx.pipeline():
            # A statement of its own, so that the look below sees what the boundary changed.
            tx.run(_sql.stay_inside_boundary)
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
        return found

    def _read(  # noqa: PLR0913 - one step of the order, with what it needs
        self,
        compiled: Compiled,
        submission: Submission,
        tenant_id: TenantId,
        run_id: RunId,
        keys: Keys,
        deadline: batch.Deadline,
    ) -> list[Candidate]:
        """Parse and validate every record before any of them touches a table."""
        records, several = read(submission.media_type, submission.body, self._max_records)
        deadline.check()
        candidates: list[Candidate] = []
        items: list[Item] = []
        for index, raw in enumerate(records):
            prefix = f"/{index}" if several else ""
            deadline.check()
            found, wrong = compiled.check(raw)
            if found is None:
                # Every failing record is named; past a point, by its first problem alone.
                listed = wrong if len(items) < _LISTED_IN_FULL else wrong[:1]
                items.extend(Item(prefix + i.pointer, i.code, i.message) for i in listed)
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


def _record(
    tx: Tx, call: Call, frame: batch.Frame, answer: answers.Answer, pending: Pending | None
) -> None:
    record(
        tx,
        call,
        vocabulary.REQUEST_DECIDED,
        frame.request_id,
        request_id=frame.request_id,
        contract=frame.contract.name,
        records=answer.admitted + answer.duplicates,
        admitted=answer.admitted,
        duplicates=answer.duplicates,
        document=pending.digest if pending else "none",
    )
