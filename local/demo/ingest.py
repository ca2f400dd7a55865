"""Many orders over HTTP: batches, two connections, a rate while it runs, and some batches again."""

from __future__ import annotations

import http.client
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import batched

from local.demo.caller import Reply, ndjson
from local.demo.stage import Order, Stage

BATCH = 250
_CONNECTIONS = 2
_LOOK_SECONDS = 0.2
_AGAIN = 3
_MEGABYTE = 1_000_000


@dataclass(slots=True)
class Batch:
    """Orders of one tenant that go in together, and what became of them."""

    tenant: str
    orders: Sequence[Order] = field(repr=False)
    body: bytes = field(repr=False)
    reply: Reply | None = None

    def decided(self, decision: str) -> int:
        records = self.reply.document.get("records", []) if self.reply else []
        return sum(record["decision"] == decision for record in records)

    @property
    def receipts(self) -> list[str]:
        records = self.reply.document.get("records", []) if self.reply else []
        return [record["receipt_id"] for record in records]


@dataclass(frozen=True, slots=True)
class Rates:
    """How a round of batches went."""

    records: int
    seconds: float
    latencies: Sequence[float]

    @property
    def per_second(self) -> float:
        return self.records / self.seconds if self.seconds else 0.0

    def milliseconds(self, share: float) -> float:
        """Return how long a batch took at most, for that share of them."""
        ordered = sorted(self.latencies)
        found = ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
        return round(found * 1000, 1)


def ingest(stage: Stage) -> list[Batch]:
    """Post every order once, and the first batches once more."""
    screen = stage.screen
    screen.section("Ingest over HTTP")
    batches = _batches(stage)
    size = sum(len(batch.body) for batch in batches) / _MEGABYTE
    screen.fact("orders", f"{size:.1f} MB in {len(batches)} requests of at most {BATCH}")
    rates = _post_all(stage, batches, "admitting")
    admitted = sum(batch.decided("ADMIT") for batch in batches)
    screen.expect(admitted == stage.count, "admitted", f"{admitted:,} of {stage.count:,}")
    p50, p95 = rates.milliseconds(0.5), rates.milliseconds(0.95)
    screen.fact("rate", f"{rates.per_second:,.0f} orders a second")
    screen.fact("a request took", f"{p50:,.0f} ms (p50), {p95:,.0f} ms (p95)")
    stage.facts["ingest"] = {
        "orders": stage.count,
        "megabytes": round(size, 2),
        "admitted": admitted,
        "orders_per_second": round(rates.per_second, 1),
        "request_p50_ms": p50,
        "request_p95_ms": p95,
    }
    _again(stage, batches[:_AGAIN])
    return batches


def _again(stage: Stage, batches: Sequence[Batch]) -> None:
    again = [Batch(one.tenant, one.orders, one.body) for one in batches]
    rates = _post_all(stage, again, "sending again")
    sent = sum(len(batch.orders) for batch in again)
    duplicates = sum(batch.decided("DUPLICATE") for batch in again)
    same = [batch.receipts for batch in again] == [batch.receipts for batch in batches]
    stage.screen.expect(
        duplicates == sent and same,
        f"{len(again)} requests again",
        f"{duplicates:,} of {sent:,} duplicates, {'the same' if same else 'OTHER'} receipts,"
        f" {rates.per_second:,.0f} a second",
    )
    stage.facts["again"] = {"sent": sent, "duplicates": duplicates, "same_receipts": same}


def _batches(stage: Stage) -> list[Batch]:
    """Cut every tenant's orders into batches, the tenants taking turns."""
    cut = [
        [
            Batch(stage.tenants[name], part, ndjson(part))
            for part in batched(mine, BATCH, strict=False)
        ]
        for name, mine in stage.orders.items()
    ]
    longest = max(map(len, cut), default=0)
    return [mine[turn] for turn in range(longest) for mine in cut if turn < len(mine)]


def _post_all(stage: Stage, batches: Sequence[Batch], what: str) -> Rates:
    waiting: queue.SimpleQueue[Batch] = queue.SimpleQueue()
    for batch in batches:
        waiting.put(batch)
    stopped, failures = threading.Event(), list[Exception]()

    def work() -> None:
        try:
            with stage.connect() as caller:
                while not stopped.is_set():
                    try:
                        batch = waiting.get_nowait()
                    except queue.Empty:
                        return
                    batch.reply = caller.post(batch.tenant, batch.body)
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)

    total = sum(len(batch.orders) for batch in batches)
    threads = [threading.Thread(target=work, daemon=True) for _ in range(_CONNECTIONS)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        while alive := [thread for thread in threads if thread.is_alive()]:
            alive[0].join(_LOOK_SECONDS)
            done = sum(len(batch.orders) for batch in batches if batch.reply)
            rate = done / max(time.monotonic() - started, _LOOK_SECONDS)
            stage.screen.progress(f"{what}: {done:,} of {total:,} orders, {rate:,.0f} a second")
    finally:
        stopped.set()
    seconds = time.monotonic() - started
    if failures:
        raise ConnectionError(f"The host did not answer ({type(failures[0]).__name__}).")
    replies = [batch.reply for batch in batches if batch.reply]
    stage.heard += [reply.body for reply in replies]
    return Rates(total, seconds, [reply.seconds for reply in replies])
