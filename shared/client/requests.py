"""One batch and its requests: sent until it is answered, with the same key every time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from shared.client.batches import Batch, Record
from shared.client.errors import GateUnreachable, GateUntrusted, ProxyRefused
from shared.client.ports import Circumstances, Credential, Gate, Reply
from shared.client.retry import Told, Verdict, judge, pause
from shared.client.rows import Refusal
from shared.kernel.canonical import digest_of
from shared.kernel.errors import OpsError, Unauthenticated

_KEY = "ops.client.batch.v1"
_NDJSON = "application/x-ndjson"
UNREACHABLE = GateUnreachable.code
INTERRUPTED = "client.interrupted"
REFUSED = "client.records_refused"
_UNREADABLE = "client.answer_unreadable"
_NO_DECISIONS = "The gate's answer does not hold one decision per record"


@dataclass(frozen=True, slots=True)
class Terms:
    """What all requests of a delivery have in common."""

    contract: str
    tenant: str
    handling: str
    skip_refused: bool
    give_up_after: float
    delivery_id: str
    """What the keys of all batches are made of, with their rows. It is random and kept in the
    journal, not made of the content: a digest of a short file could be guessed back, and a second
    delivery of a file is to hear DUPLICATE, not the answers of the first one again."""
    run: str = ""
    """The platform run, where it is not the tenant's standing one."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a delivery does not go on: a code, a status where there was one, a sentence."""

    code: str
    title: str
    status: int = 0
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate decided about one record."""

    index: int
    at: int
    decision: str
    receipt_id: str
    reasons: tuple[Refusal, ...] = ()
    """Why it is in quarantine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one batch, or of a part of it; ``stop`` says that it was not taken.

    The batch's ``refused`` holds every row that did not go in, whoever refused it.
    """

    batch: Batch
    decisions: tuple[Decision, ...] = ()
    request_id: str = ""
    stop: Stop | None = None


@dataclass(slots=True)
class Counters:
    """What the requests of a delivery cost; shared by its threads."""

    requests: int = 0
    retries: int = 0
    waiting_for: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sent(self) -> None:
        with self._lock:
            self.requests += 1
            self.waiting_for = ""

    def again(self, reason: str) -> None:
        with self._lock:
            self.retries += 1
            self.waiting_for = reason


class Requests:
    """Sends batches; `send` may run in several threads at once."""

    def __init__(
        self, gate: Gate, credential: Credential, terms: Terms, circumstances: Circumstances
    ) -> None:
        """Send nothing yet."""
        self._gate = gate
        self._credential = credential
        self._terms = terms
        self._circumstances = circumstances
        self.counters = Counters()
        self.stopping = threading.Event()
        """Set to end every wait; what is on its way is still waited for."""
        self.policy_rev = ""

    def begin(self) -> Stop | None:
        """Ask for the policy revision that every request quotes."""
        told = self._exchange(self._gate.policy)
        if isinstance(told, Stop):
            return told
        found = (told.document or {}).get("policy_rev")
        if told.verdict is not Verdict.TAKEN or not isinstance(found, str):
            return _stop(told)
        self.policy_rev = found
        return None

    def send(self, batch: Batch) -> list[Outcome]:
        """Send a batch, in parts if it has to be, and return what became of each part."""
        while batch.records:
            told = self._exchange(partial(self._submit, batch))
            if isinstance(told, Stop):
                return [Outcome(batch, stop=told)]
            if told.verdict is Verdict.HALVE and len(batch.records) > 1:
                left, right = batch.halves()
                found = self.send(left)
                return found if found[-1].stop else [*found, *self.send(right)]
            if told.verdict is Verdict.TAKEN:
                return [_taken(batch, told)]
            refused = _refused(batch, told)
            if not refused:
                return [Outcome(batch, stop=_stop(told))]
            batch = batch.refusing(refused)
            if not self._terms.skip_refused:
                return [Outcome(batch, stop=_stop(told, REFUSED))]
        return [Outcome(batch)]

    def _submit(self, batch: Batch, headers: Mapping[str, str]) -> Reply:
        terms = self._terms
        key = digest_of(
            _KEY,
            [terms.delivery_id, batch.first, batch.end, [one.index for one in batch.records]],
        )
        return self._gate.submit(
            terms.contract,
            batch.body,
            {
                **headers,
                "Content-Type": _NDJSON,
                "Ops-Tenant": terms.tenant,
                "Ops-Policy-Rev": self.policy_rev,
                "Idempotency-Key": f"send-{key.hex()[:40]}",
                "Prefer": f"handling={terms.handling}",
                **({"Ops-Run": terms.run} if terms.run else {}),
            },
        )

    def _exchange(self, ask: Callable[[Mapping[str, str]], Reply]) -> Told | Stop:
        """Ask until there is an answer that repeating will not change."""
        attempt, renewed = 0, False
        failing_since: float | None = None
        while not self.stopping.is_set():
            try:
                headers = self._credential.headers()
                self.counters.sent()
                told = judge(ask(headers))
            except GateUnreachable as error:
                told = Told(Verdict.AGAIN, 0, error.code, error.message)
            except (GateUntrusted, ProxyRefused) as error:
                # Asking again would be told the same.
                return Stop(error.code, error.message)
            except Unauthenticated as error:
                return Stop(error.code, error.message, 401)
            if told.verdict is Verdict.RENEW and not renewed:
                renewed = True
                try:
                    self._credential.renew()
                except OpsError as error:
                    return Stop(error.code, error.message, 401)
                continue
            if told.verdict is not Verdict.AGAIN:
                return told
            now = self._circumstances.monotonic()
            failing_since = now if failing_since is None else failing_since
            seconds = pause(attempt, self._circumstances.chance(), told.retry_after)
            if now + seconds - failing_since > self._terms.give_up_after:
                return _stop(told)
            self.counters.again(told.code)
            attempt += 1
            self.stopping.wait(seconds)
        return Stop(INTERRUPTED, "The delivery was interrupted")


def _stop(told: Told, code: str = "") -> Stop:
    return Stop(code or told.code, told.title, told.status, told.call_id)


def _taken(batch: Batch, told: Told) -> Outcome:
    """Read the decisions of an answer, which are in the order of the request."""
    document: dict[str, Any] = told.document or {}
    records = document.get("records")
    if not isinstance(records, list) or len(records) != len(batch.records):
        return Outcome(batch, stop=replace(_stop(told, _UNREADABLE), title=_NO_DECISIONS))
    decisions = tuple(
        Decision(
            record.index,
            record.at,
            str(view.get("decision", "")),
            str(view.get("receipt_id", "")),
            tuple(_reason(record, place, reason) for reason in view.get("reasons") or ()),
        )
        for place, (record, view) in enumerate(zip(batch.records, records, strict=True))
    )
    return Outcome(batch, decisions, str(document.get("request_id", "")))


def _reason(record: Record, place: int, told: Mapping[str, Any]) -> Refusal:
    """Read why a record is in quarantine; its pointer begins at the record, not at the body."""
    pointer = str(told.get("pointer", ""))
    if f"{pointer}/".startswith(f"/{place}/"):
        pointer = pointer.removeprefix(f"/{place}")
    code, detail = str(told.get("code", "")), str(told.get("detail", ""))
    return Refusal(record.index, record.at, pointer, code, detail)


def _refused(sent: Batch, told: Told) -> list[Refusal]:
    """Return the records that a refusal's pointers name; none when it is about something else."""
    if told.verdict is Verdict.HALVE:
        # One record alone is too heavy: no smaller batch will pass.
        only = sent.records[0]
        return [Refusal(only.index, only.at, "", told.code, told.title)]
    if told.verdict is not Verdict.RECORDS:
        return []
    found = []
    listed = (told.document or {}).get("errors")
    for item in listed if isinstance(listed, list) else ():
        number, _, rest = str(item.get("pointer", "")).removeprefix("/").partition("/")
        if not (number.isascii() and number.isdigit() and int(number) < len(sent.records)):
            continue
        record = sent.records[int(number)]
        found.append(
            Refusal(
                record.index,
                record.at,
                f"/{rest}" if rest else "",
                str(item.get("code", "")),
                str(item.get("detail", "")),
            )
        )
    return found
