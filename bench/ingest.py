"""`python -m bench.ingest`: the gate's throughput beside the physical floor, in one run.

Orders of about 2 KB go through the whole product, in requests of 1,000: HTTP on two instances of
the local Functions host, token check, contract, vault, redaction, leak checks, ledger, facts,
commit. The floor is Postgres alone: the same final tuples as binary COPY into
`LIKE … INCLUDING ALL` copies of the tables without row-level security, over one connection, with
fsync, a request a transaction. The same gate in process, on one thread and without HTTP, is told
beside it: what one core does.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bench.place import Place, place, small_orders, told
from local.demo.caller import Caller

_CONNECTIONS = 2
"""Requests under way at once at each instance."""
TABLES = {
    "admission_key": "tenant_id, dedupe_key, payload_hash",
    "pii_vault": "tenant_id, receipt_id, key_version, nonce, ciphertext, sealed_at",
    "blind_index": "tenant_id, kind, digest, receipt_id",
    "admission": "month, body",
    "record": "tenant_id, receipt_id, contract, deterministic, semantic",
}
"""What one record becomes; a document and a fact per request are left to the gate's account."""


@dataclass(frozen=True)
class Result:
    """One run of both sides; rates are records per second."""

    records_per_s: float
    in_process_per_s: float
    floor_records_per_s: float
    bytes_per_record: int

    @property
    def ratio(self) -> float:
        return self.records_per_s / self.floor_records_per_s


def run(count: int, batch: int) -> Result:
    """Measure the gate in process and over HTTP, then the floor, on a database of their own."""
    with place() as where:
        records = small_orders(2 * batch + count // 2 + count)
        requests = [b"\n".join(records[i : i + batch]) for i in range(0, len(records), batch)]
        warm, alone = requests[:1], requests[1 : 1 + count // 2 // batch]
        served = requests[1 + len(alone) :]
        in_process = _in_process(where, warm, alone)
        over_http = _over_http(where, served[:1], served[1:])
        where.services.documents.settle()
        floor = _floor(where.admin_url, len(records), batch)
    size = sum(map(len, records)) // len(records)
    return Result(over_http, in_process, floor, size)


def _in_process(where: Place, warm: Sequence[bytes], requests: Sequence[bytes]) -> float:
    for body in warm:
        where.submit(body)
    started = time.perf_counter()
    for body in requests:
        where.submit(body)
    return _records(requests) / (time.perf_counter() - started)


def _over_http(where: Place, warm: Sequence[bytes], requests: Sequence[bytes]) -> float:
    environment = where.environment
    with environment.host() as one, environment.host() as other:
        token, policy = environment.intake_token(), where.services.policy.shipped

        def post(caller: Caller, bodies: Iterator[bytes]) -> None:
            for body in bodies:
                reply = caller.post(where.tenant_id, body)
                if reply.status not in (200, 201):
                    raise RuntimeError(f"the gate answered {reply.status} {reply.code}")

        # The same number of connections to each instance, as the platform's front end keeps it.
        callers = [
            Caller(host.url, token, policy) for host in (one, other) for _ in range(_CONNECTIONS)
        ]
        with ThreadPoolExecutor(len(callers)) as pool:
            list(pool.map(post, callers, [iter(warm) for _ in callers]))
            waiting = _Shared(requests)
            started = time.perf_counter()
            list(pool.map(post, callers, [waiting for _ in callers]))
            return _records(requests) / (time.perf_counter() - started)


class _Shared:
    """An iterator that several threads may take from: whoever is free takes the next one."""

    def __init__(self, items: Iterable[bytes]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._lock:
            return next(self._items)


def _records(requests: Sequence[bytes]) -> int:
    return sum(body.count(b"\n") + 1 for body in requests)


def _floor(url: str, count: int, batch: int) -> float:
    """Time the copying back of what the gate wrote, a batch a transaction."""
    with psycopg.connect(url) as connection:
        chunks = [
            [_chunk(connection, table, start, count, batch) for table in TABLES]
            for start in range(0, count, batch)
        ]
        for table in TABLES:
            connection.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(
                    sql.Identifier(f"floor_{table}"), sql.Identifier("ops", table)
                )
            )
        connection.commit()
        started = time.perf_counter()
        for chunk in chunks:
            with connection.transaction(), connection.cursor() as cursor:
                for statement, data in chunk:
                    with cursor.copy(statement) as copy:
                        copy.write(data)
        return count / (time.perf_counter() - started)


def _chunk(
    connection: psycopg.Connection, table: str, start: int, count: int, batch: int
) -> tuple[sql.Composed, bytes]:
    columns = sql.SQL(TABLES[table])
    total = connection.execute(
        sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("ops", table))
    ).fetchone()
    assert total is not None  # noqa: S101 - count(*) always answers
    share = total[0] / count
    taken = sql.SQL(
        "COPY (SELECT {} FROM {} ORDER BY ctid OFFSET {} LIMIT {}) TO STDOUT (FORMAT binary)"
    ).format(
        columns,
        sql.Identifier("ops", table),
        sql.Literal(int(start * share)),
        sql.Literal(int((start + batch) * share) - int(start * share)),
    )
    with connection.cursor() as cursor, cursor.copy(taken) as copy:
        data = b"".join(bytes(part) for part in copy)
    into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(f"floor_{table}"), columns
    )
    return into, data


def main() -> int:
    """Print a table, or one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--count", type=int, default=24000, help="records (default 24000)")
    parser.add_argument("--batch", type=int, default=1000, help="records a request (default 1000)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    result = run(options.count, options.batch)
    each = f"{result.bytes_per_record:,} B each"
    print(f"over HTTP, 2 cores   {result.records_per_s:8,.0f} records/s ({each})")
    print(f"in process, 1 thread {result.in_process_per_s:8,.0f} records/s")
    print(f"floor                {result.floor_records_per_s:8,.0f} records/s (binary COPY)")
    print(f"ratio over HTTP      {result.ratio:8.3f}")
    print(f"ratio in process     {result.in_process_per_s / result.floor_records_per_s:8.3f}")
    told(
        {
            "records_per_s": round(result.records_per_s),
            "floor_records_per_s": round(result.floor_records_per_s),
            "ratio": round(result.ratio, 4),
            "in_process_per_s": round(result.in_process_per_s),
        },
        as_json=options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
