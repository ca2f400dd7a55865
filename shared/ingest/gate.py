"""The gate: one request in, one transaction, one answer out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.governance.facts import FactKind, record
from shared.identity.authority import demand
from shared.ingest import answers, batch, body, dedupe, errors, quarantining, vocabulary
from shared.ingest.admission import Candidate, Compiled
from shared.ingest.contracts import Contract
from shared.ingest.documents import Documents, Pending
from shared.ingest.entrance import LENIENT, STRICT, Submission, enter
from shared.ingest.entries import Frame
from shared.ingest.places import safe_items
from shared.ingest.quarantining import Reject
from shared.kernel.call import Call
from shared.kernel.canonical import NotCanonical, keyed_digest
from shared.kernel.db import TRANSACTION_SECONDS, AlreadyThere, Database, Tx
from shared.kernel.errors import Conflict, Invalid, Item, OpsError
from shared.kernel.ids import IdSource, TenantId
from shared.kernel.ports import Telemetry
from shared.pii.keyring import Keyring, Keys
from shared.pii.vault import Vault

__all__ = ["IngestGate", "Submission"]

_LISTED_IN_FULL = 500
"""Problems of one request that are all listed; more of them help nobody and cost minutes."""
_ATTEMPTS = 5
"""How often a request is decided when others keep admitting its events in the meantime."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """What became of a request."""

    answer: answers.Answer
    pending: Pending | None = None


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
        quarantine_days: int = 30,
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
        self._keep_held = timedelta(days=quarantine_days)
        self._work_seconds = work_seconds

    def submit(self, call: Call, submission: Submission) -> answers.Answer:
        """Decide one request of a producer (D17).

        Strict handling admits every record or none (000-R15); lenient handling decides each one
        and sets aside what cannot be admitted. Raises an error of `shared.ingest.errors`; then
        nothing is stored but one fact.
        """
        demand(call, vocabulary.Permission.RECORD_SUBMIT)
        if submission.released is not None:
            raise OpsError("a producer releases nothing")
        return self._serve(call, submission)

    def release(self, call: Call, submission: Submission) -> answers.Answer:
        """Decide one held record again, for an operator; it is admitted, known, or refused."""
        demand(call, vocabulary.Permission.QUARANTINE_RELEASE)
        if submission.released is None:
            raise OpsError("a release names what was held")
        return self._serve(call, submission)

    def _serve(self, call: Call, submission: Submission) -> answers.Answer:
        tenant_id = call.tenant_id
        if tenant_id is None:
            raise errors.TenantMissing
        if submission.handling not in (STRICT, LENIENT):
            raise errors.HandlingUnsupported
        compiled = self._compile(submission.contract)
        try:
            decided = self._settle(call, tenant_id, compiled, submission)
        except (Invalid, Conflict) as error:
            self._refuse(call, submission.contract, error)
            if submission.released is not None:
                # Whoever releases a record did not send it, and reads nothing of it.
                error.items = safe_items(compiled.contract, error.items)
            raise
        if decided.pending is not None:
            self._documents.write_soon(decided.pending)
        answer = decided.answer
        if not answer.replayed:
            self._telemetry.count("ingest.records.admitted", answer.admitted)
            self._telemetry.count("ingest.records.duplicate", answer.duplicates)
            self._telemetry.count("ingest.records.quarantined", answer.quarantined)
        return answer

    def _settle(
        self, call: Call, tenant_id: TenantId, compiled: Compiled, submission: Submission
    ) -> _Decided:
        """Decide until nobody else admits the same events at the same moment."""
        for attempt in range(_ATTEMPTS):
            try:
                return self._decide(call, tenant_id, compiled, submission, in_turn=attempt > 0)
            except AlreadyThere:
                if attempt + 1 == _ATTEMPTS:
                    raise
        raise AlreadyThere

    def _compile(self, name: str) -> Compiled:
        compiled = self._compiled.get(name)
        if compiled is None:
            if name not in self._contracts:
                raise errors.ContractUnknown
            compiled = self._compiled[name] = Compiled(self._contracts[name])
        return compiled

    def _decide(
        self,
        call: Call,
        tenant_id: TenantId,
        compiled: Compiled,
        submission: Submission,
        *,
        in_turn: bool,
    ) -> _Decided:
        key = answers.key_digest(call, submission.contract, submission.idempotency_key)
        with self._data.transaction(call) as tx:
            entry = enter(tx, call, compiled.contract.name, submission, self._policy_rev, key)
            call = replace(call, policy_rev=self._policy_rev)
            if submission.released is not None:
                quarantining.claim(tx, tenant_id, submission.released)
            keys = self._keyring.of(tx, tenant_id)
            body_hash = keyed_digest(keys.index, "ops.body.v1", answers.identity_of(submission))
            if key is not None and (told := answers.replay(tx, tenant_id, key, body_hash)):
                return _Decided(told)
            if in_turn:
                # Waiting is no work: it must not make a request that may pass too heavy for good.
                dedupe.take_turn(tx, tenant_id)
            deadline = batch.Deadline(self._work_seconds)
            frame = Frame(
                contract=compiled.contract,
                run_id=entry.run_id,
                segment=entry.segment,
                request_id=self._ids.mint("req", call.now),
                policy_rev=self._policy_rev,
                config_revision=self._config_revision,
                handling=submission.handling,
                released=submission.released,
            )
            units = self._read(submission)
            candidates, rejects = self._check(compiled, frame, units, tenant_id, keys, deadline)
            sorted_ = dedupe.sort(tx, tenant_id, candidates)
            rejects += self._clashes(frame, units, sorted_.clashes)
            aside = {reject.index for reject in rejects}
            fresh = [candidate for candidate in sorted_.fresh if candidate.index not in aside]
            ready, leaks = batch.prepare(keys, compiled, fresh, deadline)
            rejects += self._leaks(
                frame, units, [c for c in candidates if c.index not in aside], leaks
            )
            held = quarantining.identify(
                tx, keys, compiled.contract, frame.run_id, frame.request_id, rejects
            )
            # Nothing below is read back, so all of it travels in one round trip.
            with tx.pipeline():
                sealed = batch.seal(tx, call, self._vault, keys, compiled, ready)
                pending = batch.write(tx, call, compiled, ready, sealed, held, frame)
                quarantining.hold(
                    tx,
                    call,
                    keys,
                    compiled.contract,
                    frame.request_id,
                    frame.run_id,
                    held,
                    self._keep_held,
                )
                answer = answers.answer(
                    frame.request_id,
                    self._policy_rev,
                    frame.handling,
                    candidates,
                    [entry.candidate for entry in ready],
                    held,
                )
                # A clash is one with something admitted; what was set aside proves nothing.
                there = sorted_.known | {entry.candidate.dedupe_key for entry in ready}
                clashes = sum(clash.dedupe_key in there for clash in sorted_.clashes)
                _record(tx, call, frame, answer, pending, clashes)
                if submission.released is not None:
                    quarantining.settle(
                        tx, call, frame.contract, submission.released, candidates[0].receipt_id
                    )
                answers.keep(tx, call, key, body_hash, answer)
        return _Decided(answer, pending)

    def _read(self, submission: Submission) -> list[body.Unit]:
        units = body.read(submission.media_type, submission.body, self._max_records)
        if submission.handling == STRICT:
            body.demand_readable(units)
        return units

    def _check(  # noqa: PLR0913 - one step of the order, with what it needs
        self,
        compiled: Compiled,
        frame: Frame,
        units: Sequence[body.Unit],
        tenant_id: TenantId,
        keys: Keys,
        deadline: batch.Deadline,
    ) -> tuple[list[Candidate], list[Reject]]:
        """Validate every record before any of them touches a table.

        Raises `RecordsRefused` under strict handling, naming every failing record; past a point
        by its first problem alone.
        """
        candidates: list[Candidate] = []
        rejects: list[Reject] = []
        listed = 0
        for index, unit in enumerate(units):
            deadline.check()
            found, wrong = (None, unit.problems) if unit.problems else _placed(compiled, unit)
            if found is not None:
                try:
                    candidates.append(
                        compiled.identify(
                            index, unit.at, found, tenant_id, frame.run_id, keys.index
                        )
                    )
                    continue
                except NotCanonical:
                    wrong = (Item(unit.at, "not_canonical", "holds text that cannot be stored"),)
            kept = wrong if listed < _LISTED_IN_FULL else wrong[:1]
            listed += len(kept)
            rejects.append(Reject(index, unit, kept))
        if rejects and frame.handling == STRICT:
            raise errors.RecordsRefused(items=tuple(i for r in rejects for i in r.reasons))
        return candidates, rejects

    def _clashes(
        self, frame: Frame, units: Sequence[body.Unit], clashes: Sequence[Candidate]
    ) -> list[Reject]:
        """Set aside what came again with another payload. Raises `PayloadDiffers` if strict."""
        rejects = [Reject(c.index, units[c.index], (dedupe.differs(c),)) for c in clashes]
        if rejects and frame.handling == STRICT:
            rejects.sort(key=lambda reject: reject.index)
            raise errors.PayloadDiffers(items=tuple(i for r in rejects for i in r.reasons))
        return rejects

    def _leaks(
        self,
        frame: Frame,
        units: Sequence[body.Unit],
        candidates: Sequence[Candidate],
        leaks: Sequence[batch.Leak],
    ) -> list[Reject]:
        """Set aside what would leak, and its repeats here. Raises `RecordsRefused` if strict."""
        if leaks and frame.handling == STRICT:
            raise errors.RecordsRefused(items=tuple(i for leak in leaks for i in leak.items))
        leaking = {leak.candidate.dedupe_key: leak for leak in leaks}
        return [
            Reject(c.index, units[c.index], leaking[c.dedupe_key].items_at(c.at))
            for c in candidates
            if c.dedupe_key in leaking
        ]

    def _refuse(self, call: Call, contract: str, error: OpsError) -> None:
        """Leave one aggregated fact of a refused request (D24)."""
        kind: FactKind = vocabulary.REQUEST_REFUSED
        if isinstance(error, errors.PayloadDiffers):
            kind = vocabulary.PAYLOAD_DIFFERED
        if isinstance(error, (errors.InFlight, errors.QuarantineSettled)):
            # Somebody else was faster; what that one did is on record.
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


def _placed(
    compiled: Compiled, unit: body.Unit
) -> tuple[Mapping[str, object] | None, tuple[Item, ...]]:
    """Check a record; pointers are those of the body."""
    found, wrong = compiled.check(unit.record)
    if wrong and unit.at:
        wrong = tuple(Item(unit.at + i.pointer, i.code, i.message) for i in wrong)
    return found, wrong


def _record(  # noqa: PLR0913 - what the facts of a request say
    tx: Tx,
    call: Call,
    frame: Frame,
    answer: answers.Answer,
    pending: Pending | None,
    clashes: int,
) -> None:
    record(
        tx,
        call,
        vocabulary.REQUEST_DECIDED,
        frame.request_id,
        request_id=frame.request_id,
        contract=frame.contract.name,
        handling=frame.handling,
        platform_run_id=frame.run_id,
        records=answer.admitted + answer.duplicates + answer.quarantined,
        admitted=answer.admitted,
        duplicates=answer.duplicates,
        quarantined=answer.quarantined,
        document=pending.digest if pending else "none",
    )
    if clashes:
        record(
            tx,
            call,
            vocabulary.PAYLOAD_DIFFERED,
            frame.request_id,
            contract=frame.contract.name,
            code=errors.PayloadDiffers.code,
            problems=clashes,
        )
