"""One delivery: a whole source through the gate, a few batches at a time.

The main thread reads, maps, cuts batches and writes the journal; a few threads wait for answers.
Batches are independent, so their order does not matter: each is journalled when it is answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from shared.client.asks import Unmet, require_columns
from shared.client.batches import Bounds, batches
from shared.client.errors import JournalUnwritable, SourceUnreadable
from shared.client.interrupts import Interrupts
from shared.client.journal import Journal
from shared.client.mapping import RecordMapping
from shared.client.ports import Circumstances, Credential, Gate
from shared.client.reading import Reading, Source
from shared.client.requests import (
    INTERRUPTED,
    REFUSED,
    Counters,
    Decision,
    Outcome,
    Requests,
    Stop,
    Terms,
)
from shared.client.rows import Refusal
from shared.client.sections import Ask
from shared.client.tally import Tally, tally_of
from shared.client.workers import Workers

_LOOK_SECONDS = 0.25
_GRACE_SECONDS = 15.0
"""How long answers under way are waited for after an interrupt; a second one ends that."""
_LAST_SECONDS = 2.0
"""How long cut exchanges are waited for; a thread that still hangs is left to the process."""
_ENOUGH = 2
_LISTED = 100
_INTERRUPTED = Stop(INTERRUPTED, "The delivery was interrupted")


@dataclass(slots=True)
class Report:
    """What a delivery came to; ``tally`` includes earlier runs of it, the rest is of this run."""

    tally: Tally = field(default_factory=Tally)
    earlier: Tally = field(default_factory=Tally)
    counters: Counters = field(default_factory=Counters)
    refused: list[Refusal] = field(default_factory=list)
    """The first ones; the receipts file has every one."""
    quarantined: list[Refusal] = field(default_factory=list)
    """The first ones, with why."""
    receipts: list[Decision] = field(default_factory=list)
    """The first ones."""
    stop: Stop | None = None
    seconds: float = 0.0
    share: float | None = None
    """How much of the source was read."""
    policy_rev: str = ""
    never_found: tuple[Ask, ...] = ()
    """What the mapping asks for and no row had, once all rows were read."""

    @property
    def all_left_out(self) -> bool:
        """Whether there were rows, and the mapping's filters left none of them."""
        return 0 < self.tally.rows == self.tally.left_out

    @property
    def per_second(self) -> float:
        """Rows that this run settled, by the second."""
        settled = self.tally.rows - self.earlier.rows
        return settled / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent, and how."""

    source: Source
    mapping: RecordMapping
    terms: Terms
    bounds: Bounds = field(default_factory=Bounds)
    concurrency: int = 2

    def named(self, delivery_id: str) -> Plan:
        """Return the plan under the name of the delivery that it goes on with."""
        return replace(self, terms=replace(self.terms, delivery_id=delivery_id))


def deliver(  # noqa: PLR0913 - a plan, and what it meets in the world
    plan: Plan,
    gate: Gate,
    credential: Credential,
    circumstances: Circumstances,
    journal: Journal | None,
    watch: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Send a source and say what became of it.

    Raises `SourceUnreadable` when it cannot be opened, and `MappingInvalid` when it does not have
    the columns that the mapping names; both before the first request.
    ``watch`` is called with the report again and again while it grows. An interrupt (Ctrl-C) ends
    the delivery between batches: its report says so.
    """
    report = Report()
    if journal is not None:
        report.tally.add(journal.past.tally)
        report.earlier.add(journal.past.tally)
        if journal.past.complete:
            return report
    requests = Requests(gate, credential, plan.terms, circumstances)
    report.counters = requests.counters
    _Run(plan, gate, requests, journal, report, watch).to_the_end()
    if report.stop is None and journal is not None:
        try:
            journal.finish(report.tally.rows)
        except JournalUnwritable as error:
            report.stop = Stop(error.code, error.message)
    return report


class _Run:
    """The moving parts of one delivery."""

    def __init__(  # noqa: PLR0913 - its moving parts
        self,
        plan: Plan,
        gate: Gate,
        requests: Requests,
        journal: Journal | None,
        report: Report,
        watch: Callable[[Report], None],
    ) -> None:
        self._plan = plan
        self._gate = gate
        self._requests = requests
        self._journal = journal
        self._report = report
        self._watch = watch
        self._started = time.monotonic()
        self._waiting: set[Future[list[Outcome]]] = set()
        self._interrupts = Interrupts()

    def to_the_end(self) -> None:
        """Send everything, or note why not."""
        with (
            self._interrupts,
            self._threads() as pool,
            self._plan.source.open() as reading,
        ):
            try:
                with self._interrupts.while_reading():
                    header = reading.header()
                if header is not None:
                    require_columns(self._plan.mapping.asks, header)
                if self._begin(pool):
                    self._send_all(pool, reading)
            except KeyboardInterrupt:
                self._stop(_INTERRUPTED)
            except SourceUnreadable as error:
                self._stop(Stop(error.code, error.message))
            self._drain()
        self._report.seconds = time.monotonic() - self._started

    def _begin(self, pool: Workers) -> bool:
        """Ask for the policy revision, and tell whether there is one to send under."""
        asking = pool.submit(self._requests.begin)
        while not wait([asking], _LOOK_SECONDS).done:
            self._watch(self._report)
            if self._interrupts.count:
                self._stop(_INTERRUPTED)
                return False
        if stop := asking.result():
            self._stop(stop)
            return False
        self._report.policy_rev = self._requests.policy_rev
        return True

    def _send_all(self, pool: Workers, reading: Reading) -> None:
        done = self._journal.past.ranges if self._journal else ()
        unmet = Unmet(self._plan.mapping.asks)
        rows = unmet.over(reading.rows())
        cut = batches(rows, self._plan.mapping, self._plan.bounds, done)
        while self._report.stop is None:
            with self._interrupts.while_reading():
                batch = next(cut, None)
            if batch is None:
                self._report.never_found = unmet.asks
                break
            self._report.share = reading.share
            if batch.refused and not self._plan.terms.skip_refused:
                # Nothing of a batch with rows that are no records: whoever stops wants to mend it.
                self._note(Outcome(batch, stop=Stop(REFUSED, "Rows cannot become records")))
            elif batch.records:
                self._waiting.add(pool.submit(partial(self._requests.send, batch)))
            else:
                self._note(Outcome(batch))
            # As many as there are threads, and one that is ready when an answer comes.
            while len(self._waiting) > self._plan.concurrency and self._report.stop is None:
                self._look()
        while self._waiting and self._report.stop is None:
            self._look()

    def _look(self) -> None:
        """Settle what was answered meanwhile."""
        answered, self._waiting = wait(self._waiting, _LOOK_SECONDS, FIRST_COMPLETED)
        settled = [outcome for future in answered for outcome in future.result()]
        for outcome in sorted(settled, key=lambda outcome: outcome.batch.first):
            self._note(outcome)
        if self._interrupts.count:
            self._stop(_INTERRUPTED)
        self._report.seconds = time.monotonic() - self._started
        self._watch(self._report)

    def _note(self, outcome: Outcome) -> None:
        report = self._report
        refused = outcome.batch.refused[: max(_LISTED - len(report.refused), 0)]
        if outcome.stop is not None:
            if outcome.stop.code == REFUSED:
                report.refused += refused
            self._stop(outcome.stop)
            return
        try:
            counted = self._journal.settle(outcome) if self._journal else tally_of(outcome)
        except JournalUnwritable as error:
            self._stop(Stop(error.code, error.message))
            return
        report.tally.add(counted)
        report.refused += refused
        reasons = [reason for decision in outcome.decisions for reason in decision.reasons]
        report.quarantined += reasons[: max(_LISTED - len(report.quarantined), 0)]
        report.receipts += outcome.decisions[: max(_LISTED - len(report.receipts), 0)]

    def _stop(self, stop: Stop) -> None:
        """Remember why; the first reason is the reason."""
        self._requests.stopping.set()
        if self._report.stop is None:
            self._report.stop = stop

    def _drain(self) -> None:
        """Wait for answers under way, and write them down; a second Ctrl-C ends the patience."""
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._waiting and time.monotonic() < deadline and self._interrupts.count < _ENOUGH:
            self._look()

    @contextmanager
    def _threads(self) -> Iterator[Workers]:
        pool = Workers(self._plan.concurrency)
        try:
            yield pool
        finally:
            self._requests.stopping.set()
            # Whatever is still under way is sent again by the next run, with the same key.
            self._gate.abandon()
            pool.end(_LAST_SECONDS)
