"""Somebody who sends a file to a gate in memory, with time of their own and no chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from shared.adapters.gate_memory import MemoryGate
from shared.client.batches import Bounds
from shared.client.credentials import Token
from shared.client.delivery import Plan, Report, deliver
from shared.client.journal import Header, Journal, Places, keep
from shared.client.mapping import none_for
from shared.client.ports import Circumstances
from shared.client.reading import Dialect, Format, Source
from shared.client.requests import Terms
from shared.ingest.contracts import named

CONTRACT = "vehicle-complaint.v1"


@dataclass
class Desk:
    """Somebody who sends one file, again and again."""

    folder: Path
    gate: MemoryGate = field(default_factory=MemoryGate)
    bounds: Bounds = field(default_factory=lambda: Bounds(10))
    concurrency: int = 1
    skip: bool = False
    give_up_after: float = 60.0
    tenant: str = "tnt_a"
    token: Token = field(default_factory=lambda: Token(lambda: "token"))
    chance: float = 0.0
    runs: int = 0

    @property
    def file(self) -> Path:
        return self.folder / "source.ndjson"

    @property
    def places(self) -> Places:
        return Places.of(str(self.file), str(self.folder / "state"), None)

    def write(self, *records: dict[str, Any]) -> None:
        self.file.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))

    def circumstances(self) -> Circumstances:
        self.runs += 1
        ticks = iter(range(1_000_000))
        return Circumstances(lambda: float(next(ticks)), lambda: self.chance, f"dlv_{self.runs}")

    def plan(self, delivery_id: str) -> Plan:
        terms = Terms(CONTRACT, self.tenant, "strict", self.skip, self.give_up_after, delivery_id)
        source = Source(str(self.file), Dialect(Format.NDJSON))
        mapping = none_for(named(CONTRACT), Format.NDJSON)
        return Plan(source, mapping, terms, self.bounds, self.concurrency)

    @contextmanager
    def journal(self, delivery_id: str = "dlv_x", *, restart: bool = False) -> Iterator[Journal]:
        source = self.plan(delivery_id).source.digest()
        header = Header(source, CONTRACT, "none", self.tenant, "https://gate", "strict")
        with keep(self.places, header, delivery_id, restart=restart) as journal:
            yield journal

    def send(
        self, *, restart: bool = False, watch: Callable[[Report], None] = lambda _: None
    ) -> Report:
        circumstances = self.circumstances()
        with self.journal(circumstances.delivery_id, restart=restart) as journal:
            plan = self.plan(journal.past.delivery_id)
            return deliver(plan, self.gate, self.token, circumstances, journal, watch)

    def receipts(self) -> list[dict[str, Any]]:
        """Every line, in the order of the source: batches are written as they are answered."""
        found = [orjson.loads(line) for line in self.places.receipts.read_bytes().splitlines()[1:]]
        return sorted(found, key=lambda line: line["index"])
