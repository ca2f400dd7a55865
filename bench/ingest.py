"""`python -m bench.ingest`: the gate's throughput beside the physical floor, in one run.

The gate admits repair orders of about 3 KB in batches, in process: contract, vault, redaction,
leak checks, ledger, facts, commit. The floor is Postgres alone: the same final tuples as binary
COPY into `LIKE … INCLUDING ALL` copies of the tables without row-level security, over one
connection, with fsync, a batch a transaction. The ratio says what all above Postgres costs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import orjson
import psycopg
from psycopg import sql

from local.environment import INTAKE, OWNER, LocalEnvironment
from local.issuer import Issuer
from local.samples import orders
from local.stack import Stack
from shared.bootstrap import Ports, Services, build
from shared.identity.authority import as_producer
from shared.identity.roles import GRANTS
from shared.ingest.gate import Submission
from shared.kernel.call import Actor, AuthMode, SourceType
from shared.kernel.db import Login
from shared.kernel.ids import TenantId
from shared.kernel.migrate import migrate
from shared.lifecycle.initialise import initialise

CONTRACT = "repair-order.v2"
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
    floor_records_per_s: float
    bytes_per_record: int

    @property
    def ratio(self) -> float:
        return self.records_per_s / self.floor_records_per_s


def run(count: int, batch: int) -> Result:
    """Measure the gate, then the floor, on a database of their own."""
    stack = Stack.ensure()
    name = f"bench_{os.getpid()}"
    stack.create_database(name)
    try:
        migrate(stack.login_url("ops_migrator", name))
        with tempfile.TemporaryDirectory() as folder, Issuer.start(Path(folder)) as issuer:
            place = LocalEnvironment(stack, issuer, name, Path(folder), stack.storage())
            services = build(place.settings(), Ports())
            try:
                gate, size = _gate(services, count, batch)
            finally:
                services.documents.settle()
                services.close()
        floor = _floor(stack.admin_url(name), count, batch)
    finally:
        stack.drop_database(name)
    return Result(gate, floor, size)


def _gate(services: Services, count: int, batch: int) -> tuple[float, int]:
    owner = Actor(SourceType.HUMAN, OWNER, AuthMode.TOKEN, frozenset[str]().union(*GRANTS.values()))
    migrator = services.database(Login.MIGRATOR)
    initialise(migrator, services.call(owner), services.ports.ids, "bench", OWNER)
    services.policy.activate(services.call(owner))
    provisioning = services.provisioning
    provisioning.create_group(services.call(owner), "bench")
    provisioning.create_principal(services.call(owner), "service", INTAKE, "bench")
    tenant = provisioning.create_tenant(services.call(owner), "bench", "bench")
    provisioning.grant_producer(services.call(owner), INTAKE, "bench", CONTRACT)
    lines = [orjson.dumps(order) for order in orders(count + batch, 7, "bench")]
    bodies = [b"\n".join(lines[i : i + batch]) for i in range(0, len(lines), batch)]
    producer = as_producer(Actor(SourceType.SYSTEM, INTAKE, AuthMode.TOKEN))

    def submit(body: bytes) -> None:
        wish = Submission(CONTRACT, "application/x-ndjson", body, services.policy.shipped)
        services.gate.submit(services.call(producer, tenant_id=TenantId(tenant.id)), wish)

    submit(bodies[0])
    started = time.perf_counter()
    for body in bodies[1:]:
        submit(body)
    return count / (time.perf_counter() - started), sum(map(len, lines)) // len(lines)


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
    share = total[0] / (count + batch)
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
    parser.add_argument("--count", type=int, default=6000, help="records (default 6000)")
    parser.add_argument("--batch", type=int, default=1000, help="records a request (default 1000)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    result = run(options.count, options.batch)
    print(f"gate   {result.records_per_s:8,.0f} records/s ({result.bytes_per_record:,} B each)")
    print(f"floor  {result.floor_records_per_s:8,.0f} records/s (binary COPY of the same tuples)")
    print(f"ratio  {result.ratio:8.3f}")
    if options.json:
        print(
            json.dumps(
                {
                    "records_per_s": round(result.records_per_s),
                    "floor_records_per_s": round(result.floor_records_per_s),
                    "ratio": round(result.ratio, 4),
                }
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
