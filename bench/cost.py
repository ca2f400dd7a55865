"""`python -m bench.cost`: what records cost beside time, for requests of several sizes.

Round trips are counted on the wire: how often Postgres was sent something and waited for, in
libpq's own trace, over all connections of the gate and of the writer of receipt documents. Bytes
written are Postgres' write-ahead log and the documents in Blob storage. Everything is told for
1,000 records; a request costs the same number of round trips, whatever its size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import Trace

from bench.place import Place, place, small_orders, told
from shared.adapters.blobs import MemoryBlobs
from shared.adapters.queues import MemoryQueues
from shared.bootstrap import Ports

THOUSAND = 1000
SIZES = (1, 10, 100, 1000)


@dataclass(frozen=True)
class Cost:
    """What one request cost."""

    records: int
    round_trips: int
    blob_writes: int
    queue_messages: int
    wal_bytes: int
    blob_bytes: int

    @property
    def requests(self) -> int:
        """Requests for a thousand records."""
        return THOUSAND // self.records

    @property
    def bytes_written(self) -> int:
        return (self.wal_bytes + self.blob_bytes) * self.requests


class CountingBlobs(MemoryBlobs):
    """Blob storage in memory that counts what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = self.bytes = 0

    def put_once(self, container: str, name: str, document: bytes, *, media_type: str) -> bool:
        self.writes += 1
        self.bytes += len(document)
        return super().put_once(container, name, document, media_type=media_type)


class CountingQueues(MemoryQueues):
    """Queues in memory that count what is sent."""

    messages = 0

    def send(self, queue: str, message: bytes) -> None:
        self.messages += 1
        super().send(queue, message)


@contextmanager
def traced(folder: Path) -> Iterator[None]:
    """Let every new connection write what goes over its wire."""
    connect = psycopg.Connection.connect
    files: list[FileIO] = []

    def traced_connect(*args: Any, **options: Any) -> Any:
        connection = connect(*args, **options)
        file = (folder / f"{len(files)}.trace").open("wb", buffering=0)
        files.append(file)
        connection.pgconn.trace(file.fileno())
        connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        return connection

    psycopg.Connection.connect = traced_connect  # type: ignore[method-assign]
    try:
        yield
    finally:
        psycopg.Connection.connect = connect  # type: ignore[method-assign]
        for file in files:
            file.close()


def round_trips(folder: Path) -> int:
    """Count how often the server spoke after the client did, in every trace."""
    turns = 0
    for trace in folder.glob("*.trace"):
        before = b""
        for line in trace.read_bytes().splitlines():
            speaker = line[:1]
            turns += speaker == b"B" and before == b"F"
            before = speaker
    return turns


def measure(
    where: Place, folder: Path, blobs: CountingBlobs, queues: CountingQueues, bodies: list[bytes]
) -> Cost:
    """Return the cost of the second of two equal requests: the first one opens connections."""
    with psycopg.connect(where.admin_url, autocommit=True) as admin:

        def state() -> tuple[int, ...]:
            where.services.documents.settle()
            row = admin.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
            wal = int(row[0]) if row else 0
            return round_trips(folder), blobs.writes, queues.messages, wal, blobs.bytes

        where.submit(bodies[0])
        # Full-page images of a fresh checkpoint would be counted at random.
        before = state()
        where.submit(bodies[1])
        after = state()
    found = [late - early for early, late in zip(before, after, strict=True)]
    return Cost(bodies[1].count(b"\n") + 1, *found)


def main() -> int:
    """Print a table, or one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    blobs, queues = CountingBlobs(), CountingQueues()
    with (
        tempfile.TemporaryDirectory() as name,
        traced(Path(name)),
        place(Ports(blobs=blobs, queues=queues)) as where,
    ):
        records = iter(small_orders(2 * sum(SIZES)))
        costs = [
            measure(
                where,
                Path(name),
                blobs,
                queues,
                [b"\n".join(next(records) for _ in range(size)) for _ in range(2)],
            )
            for size in SIZES
        ]
    print("records a request        " + "".join(f"{cost.records:11,}" for cost in costs))
    print("a request:")
    for label, field in (
        ("  round trips", "round_trips"),
        ("  blob writes", "blob_writes"),
        ("  queue messages", "queue_messages"),
    ):
        print(f"{label:25}" + "".join(f"{getattr(cost, field):11,}" for cost in costs))
    print("1,000 records:")
    print(f"{'  round trips':25}" + "".join(f"{c.round_trips * c.requests:11,}" for c in costs))
    print(f"{'  blob writes':25}" + "".join(f"{c.blob_writes * c.requests:11,}" for c in costs))
    print(f"{'  bytes written':25}" + "".join(f"{c.bytes_written:11,}" for c in costs))
    whole = costs[-1]
    told(
        {
            "round_trips": whole.round_trips,
            "blob_writes": whole.blob_writes,
            "queue_messages": whole.queue_messages,
            "bytes_written": whole.bytes_written,
            "round_trips_by_size": {str(cost.records): cost.round_trips for cost in costs},
        },
        as_json=options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
