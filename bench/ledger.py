"""`python -m bench.ledger`: verifying and sealing, beside the gate that writes what they read.

The gate admits repair orders of about 3 KB; the sealer seals what it wrote; the verifier reads and
checks all of it, and an export of it as files. Sealing is put beside the gate's own time per
record, in the same run: that is what it adds. The floor of verifying is fetching the same texts
and hashing each once, over one connection. The entries are then multiplied inside Postgres, so
that the rate is that of a stream and not of a start.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson
import psycopg

from local.environment import INTAKE, OWNER, LocalEnvironment, activate_policy
from local.issuer import Issuer
from local.samples import orders
from local.stack import Stack
from shared.bootstrap import Ports, Services, build
from shared.identity.authority import as_producer
from shared.identity.roles import GRANTS
from shared.ingest.gate import Submission
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.db import Login
from shared.kernel.ids import TenantId
from shared.kernel.migrate import migrate
from shared.ledger.files import verify_files
from shared.ledger.keys import Trust
from shared.ledger.report import Report
from shared.ledger.sealer import Sealer
from shared.lifecycle.initialise import initialise

CONTRACT = "repair-order.v2"
_PATIENCE = 60.0
_SMALL, _SMALL_SEALS = 10, 300


@dataclass(frozen=True)
class Result:
    """One run; rates are entries per second of wall time, shares of processor time are said so."""

    gate_us: float
    seal_us: float
    seal_cpu_us: float
    entries: int
    bytes_per_entry: int
    verify_per_s: float
    verify_per_core_s: float
    files_per_s: float
    floor_per_s: float
    small_per_s: float

    @property
    def overhead(self) -> float:
        return self.seal_us / self.gate_us


def run(count: int, batch: int, times: int) -> Result:
    """Measure on a database of its own."""
    stack = Stack.ensure()
    name = f"bench_ledger_{os.getpid()}"
    stack.create_database(name)
    try:
        migrate(stack.login_url("ops_migrator", name))
        with tempfile.TemporaryDirectory() as folder, Issuer.start(Path(folder)) as issuer:
            place = LocalEnvironment(stack, issuer, name, Path(folder), stack.storage())
            services = build(place.settings(), Ports())
            try:
                return _measure(services, stack.admin_url(name), count, batch, times, Path(folder))
            finally:
                services.documents.settle()
                services.close()
    finally:
        stack.drop_database(name)


def _measure(  # noqa: PLR0913 - what a run consists of
    services: Services, admin: str, count: int, batch: int, times: int, folder: Path
) -> Result:
    call = _provision(services)
    gate = _gate(services, call(), count, batch)
    services.documents.settle()
    seal, cpu = _seal(services, count)
    _multiply(admin, times)
    _seal_rest(services)
    wall, processor, report = _timed(lambda: _verify(services, call()))
    services.exports.export(call(), "admission", folder / "evidence")
    trust = Trust(services.signing_keys.public_keys())
    files, _, alone = _timed(lambda: verify_files(folder / "evidence", trust, {})[0])
    _sound(alone)
    floor, size = _floor(admin)
    small = _small_seals(services, admin, report, call)
    return Result(
        gate_us=gate * 1e6,
        seal_us=seal * 1e6,
        seal_cpu_us=cpu * 1e6,
        entries=report.entries,
        bytes_per_entry=size,
        verify_per_s=report.entries / wall,
        verify_per_core_s=report.entries / processor,
        files_per_s=alone.entries / files,
        floor_per_s=floor,
        small_per_s=small,
    )


def _provision(services: Services) -> Callable[[], Call]:
    owner = Actor(SourceType.HUMAN, OWNER, AuthMode.TOKEN, frozenset[str]().union(*GRANTS.values()))

    def call() -> Call:
        return services.call(owner)

    migrator = services.database(Login.MIGRATOR)
    initialise(migrator, call(), services.ports.ids, "bench", OWNER)
    activate_policy(services, call())
    provisioning = services.provisioning
    provisioning.create_group(call(), "bench")
    provisioning.create_principal(call(), "service", INTAKE, "bench")
    provisioning.create_tenant(call(), "bench", "bench")
    provisioning.grant_producer(call(), INTAKE, "bench", CONTRACT)
    return call


def _gate(services: Services, call: Call, count: int, batch: int) -> float:
    """Return seconds per record at the gate, after one batch to warm up."""
    tenant = TenantId(services.provisioning.tenant(call, "bench").tenant_id)
    producer = as_producer(Actor(SourceType.SYSTEM, INTAKE, AuthMode.TOKEN))
    lines = [orjson.dumps(order) for order in orders(count + batch, 7, "bench")]
    bodies = [b"\n".join(lines[i : i + batch]) for i in range(0, len(lines), batch)]

    def submit(body: bytes) -> None:
        wish = Submission(CONTRACT, "application/x-ndjson", body, services.policy.shipped)
        services.gate.submit(services.call(producer, tenant_id=tenant), wish)

    submit(bodies[0])
    services.sealer.seal(services.timer_call())
    started = time.perf_counter()
    for body in bodies[1:]:
        submit(body)
    return (time.perf_counter() - started) / count


def _seal(services: Services, count: int) -> tuple[float, float]:
    """Return wall and own processor seconds per entry of sealing what the gate wrote, with copies.

    Waiting for the horizon is no work: only runs that sealed something are counted.
    """
    wall = processor = 0.0
    sealed = 0
    stop = time.monotonic() + _PATIENCE
    while sealed < count and time.monotonic() < stop:
        before, spent = time.perf_counter(), time.process_time()
        done = services.sealer.seal(services.timer_call())
        if done.entries:
            wall += time.perf_counter() - before
            processor += time.process_time() - spent
            sealed += done.entries
        else:
            time.sleep(0.05)
    return wall / sealed, processor / sealed


def _multiply(admin: str, doublings: int) -> None:
    """Double the entries some times over, as rows of their own."""
    with psycopg.connect(admin, autocommit=True) as connection:
        for _ in range(doublings):
            connection.execute(
                "INSERT INTO ops.admission (month, body) SELECT month, body FROM ops.admission"
            )
        connection.execute("VACUUM ANALYZE ops.admission")


def _seal_rest(services: Services) -> None:
    stop = time.monotonic() + _PATIENCE
    while time.monotonic() < stop:
        services.sealer.seal(services.timer_call())
        owner = Actor(SourceType.HUMAN, OWNER, AuthMode.TOKEN, frozenset({"ledger:status:read"}))
        if not any(one.unsealed for one in services.ledger.status(services.call(owner))):
            return
        time.sleep(0.05)


def _small_seals(services: Services, admin: str, before: Report, call: Callable[[], Call]) -> float:
    """Return seals per second of verifying seals of a few entries each, with their copies."""
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ops.admission (month, body)"
            " SELECT month, body FROM ops.admission LIMIT %s",
            (_SMALL * _SMALL_SEALS,),
        )
    services.__dict__["sealer"] = Sealer(
        services.database(Login.SEAL), services.signing_keys, services.seal_copies, entries=_SMALL
    )
    _seal_rest(services)
    if before.checkpoint is None:
        raise SystemExit("nothing was sealed")
    starts = {"admission": before.checkpoint}
    started = time.perf_counter()
    [report] = services.ledger.verify(call(), stream="admission", starts=starts)
    return _sound(report).seals / (time.perf_counter() - started)


def _verify(services: Services, call: Call) -> Report:
    [report] = services.ledger.verify(call, stream="admission")
    return _sound(report)


def _sound(report: Report) -> Report:
    if not report.ok or report.uncovered:
        raise SystemExit(f"the ledger of the benchmark does not verify: {report}")
    return report


def _timed(work: Callable[[], Report]) -> tuple[float, float, Report]:
    """Return wall and own processor seconds of the better of two runs, and the report."""
    best: tuple[float, float, Report] | None = None
    for _ in range(2):
        before, spent = time.perf_counter(), time.process_time()
        report = work()
        wall, processor = time.perf_counter() - before, time.process_time() - spent
        if best is None or wall < best[0]:
            best = (wall, processor, report)
    assert best is not None  # noqa: S101 - the loop ran
    return best


def _floor(admin: str) -> tuple[float, int]:
    """Return entries per second of fetching and hashing alone, and the size of an entry."""
    with psycopg.connect(admin) as connection, connection.cursor() as cursor:
        started = time.perf_counter()
        entries = size = 0
        rows = cursor.stream(
            "SELECT convert_to(body, 'UTF8') FROM ops.admission", binary=True, size=500
        )
        for (text,) in rows:
            sha256(text).digest()
            entries += 1
            size += len(text)
        return entries / (time.perf_counter() - started), size // entries


def main() -> int:
    """Print a table, or end with one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--count", type=int, default=6000, help="records (default 6000)")
    parser.add_argument("--batch", type=int, default=1000, help="records a request (default 1000)")
    parser.add_argument(
        "--doublings", type=int, default=5, help="how often the entries are doubled (default 5)"
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    result = run(options.count, options.batch, options.doublings)
    print(f"gate      {result.gate_us:10,.1f} us a record")
    print(f"sealing   {result.seal_us:10,.1f} us an entry ({result.seal_cpu_us:,.1f} of our own)")
    print(f"overhead  {result.overhead:10.4f} of the gate's time")
    print(
        f"verify    {result.verify_per_s:10,.0f} entries/s ({result.entries:,} entries of "
        f"{result.bytes_per_entry:,} B, {result.verify_per_core_s:,.0f} per processor second)"
    )
    print(f"files     {result.files_per_s:10,.0f} entries/s (exported files alone)")
    print(f"floor     {result.floor_per_s:10,.0f} entries/s (fetch and hash, nothing else)")
    print(f"small     {result.small_per_s:10,.0f} seals/s, {_SMALL} entries and a copy each")
    print(f"ratio     {result.verify_per_s / result.floor_per_s:10.3f}")
    if options.json:
        print(
            json.dumps(
                {
                    "verify_per_s": round(result.verify_per_s),
                    "verify_files_per_s": round(result.files_per_s),
                    "floor_per_s": round(result.floor_per_s),
                    "small_seals_per_s": round(result.small_per_s),
                    "seal_overhead_ratio": round(result.overhead, 4),
                    "seal_us": round(result.seal_us, 2),
                    "gate_us": round(result.gate_us, 2),
                }
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
