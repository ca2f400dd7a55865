"""`python -m bench.latency`: one record at a time, beside the same statements in bare transactions.

The gate decides single orders in process. What it sends to Postgres is noted, and played back to a
copy of the database over one bare connection: the same statements and parameters in the same round
trips, with fsync, and nothing around them. The same orders over HTTP are told beside it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bench.place import Place, place, small_orders, told
from local.demo.caller import Caller
from shared.kernel import db

_WARM = 50
type Step = tuple[bytes, Any]


@dataclass
class Tape:
    """What the gate sent: transactions of round trips of statements."""

    transactions: list[list[list[Step]]] = field(default_factory=list)
    _together: bool = False

    def begin(self) -> None:
        self.transactions.append([])

    def note(self, query: bytes, params: Any) -> None:
        trips = self.transactions[-1]
        if self._together and trips:
            trips[-1].append((query, params))
        else:
            trips.append([(query, params)])

    @contextmanager
    def together(self) -> Iterator[None]:
        self.transactions[-1].append([])
        self._together = True
        try:
            yield
        finally:
            self._together = False


@contextmanager
def recording(tape: Tape) -> Iterator[None]:
    """Note every statement that a transaction runs."""
    plain = {name: getattr(db.Tx, name) for name in ("run", "one", "value", "values", "rows")}
    pipeline = db.Tx.pipeline

    def noted(name: str) -> Any:
        def call(self: db.Tx, *args: Any, **options: Any) -> Any:
            query, params = args[-2:] if name == "one" else (*args, None)[:2]
            tape.note(query, params)
            return plain[name](self, *args, **options)

        return call

    @contextmanager
    def noted_pipeline(self: db.Tx) -> Iterator[None]:
        with tape.together(), pipeline(self):
            yield

    for name in plain:
        setattr(db.Tx, name, noted(name))
    db.Tx.pipeline = noted_pipeline  # type: ignore[method-assign]
    try:
        yield
    finally:
        for name, method in plain.items():
            setattr(db.Tx, name, method)
        db.Tx.pipeline = pipeline  # type: ignore[method-assign]


def run(count: int) -> dict[str, list[float]]:
    """Measure and return seconds for each record: gate, bare transaction, HTTP."""
    records = small_orders(3 * _WARM + 2 * count)
    with place() as where:
        for record in records[:_WARM]:
            where.submit(record, "application/json")
        where.services.documents.settle()
        twin = f"{where.environment.database}_twin"
        # A copy taken before the measured records, so that the same rows can be written again.
        _forget_connections(where)
        where.stack.create_database(twin, template=where.environment.database)
        try:
            tape = Tape()
            with recording(tape):
                gate = _timed(where, records[_WARM : 2 * _WARM + count], tape)[_WARM:]
            where.services.documents.settle()
            bare = _bare(where, twin, tape)[_WARM:]
        finally:
            where.stack.drop_database(twin)
        return {"gate": gate, "bare": bare, "http": _http(where, records[2 * _WARM + count :])}


def _forget_connections(where: Place) -> None:
    """Close the services' idle connections: a database in use cannot be copied."""
    with psycopg.connect(where.stack.admin_url("postgres"), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (where.environment.database,),
        )


def _timed(where: Place, records: Sequence[bytes], tape: Tape) -> list[float]:
    seconds = []
    for record in records:
        tape.begin()
        started = time.perf_counter()
        where.submit(record, "application/json")
        seconds.append(time.perf_counter() - started)
    return seconds


def _bare(where: Place, twin: str, tape: Tape) -> list[float]:
    url = where.stack.login_url("ops_data", twin)
    seconds = []
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        begin = db.begin_statement(where.tenant_id)
        for trips in tape.transactions:
            started = time.perf_counter()
            connection.execute(begin)
            for steps in trips:
                if len(steps) == 1:
                    connection.execute(*steps[0], prepare=False)
                    continue
                with connection.pipeline():
                    for query, params in steps:
                        connection.execute(query, params, prepare=False)
            connection.execute("COMMIT")
            seconds.append(time.perf_counter() - started)
    return seconds


def _http(where: Place, records: Sequence[bytes]) -> list[float]:
    environment, seconds = where.environment, []
    headers = {"Content-Type": "application/json"}
    with (
        environment.host() as host,
        Caller(host.url, environment.intake_token(), where.services.policy.shipped) as caller,
    ):
        for record in records:
            reply = caller.post(where.tenant_id, record, headers)
            if reply.status != 201:  # noqa: PLR2004 - created
                raise RuntimeError(f"the gate answered {reply.status} {reply.code}")
            seconds.append(reply.seconds)
    return seconds[_WARM:]


def percentiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return the 50th, 95th and 99th percentile in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return cuts[49] * 1000, cuts[94] * 1000, cuts[98] * 1000


def main() -> int:
    """Print a table, or one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="records (default 1000)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    found = {name: percentiles(seconds) for name, seconds in run(options.count).items()}
    print("milliseconds             p50      p95      p99")
    for name, meaning in (
        ("gate", "gate, in process"),
        ("bare", "bare transaction"),
        ("http", "gate, over HTTP"),
    ):
        print(f"{meaning:18}" + "".join(f"{value:9.2f}" for value in found[name]))
    ratios = [gate / bare for gate, bare in zip(found["gate"], found["bare"], strict=True)]
    print(f"{'gate / bare':18}" + "".join(f"{ratio:9.2f}" for ratio in ratios))
    p50, p95, p99 = (round(value, 3) for value in found["gate"])
    told(
        {
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "ratio_p50": round(ratios[0], 3),
            "ratio_p99": round(ratios[2], 3),
            "http_p50_ms": round(found["http"][0], 3),
        },
        as_json=options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
