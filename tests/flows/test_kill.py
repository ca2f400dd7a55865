"""Killed at random under load: nothing acknowledged is lost, nothing is admitted twice."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import psycopg
import pytest
import requests

from local.environment import PROJECT
from local.host import launch
from local.stack import Stack
from tests.support.factories import a_complaint
from tests.support.fix_plane import Plane, close_plane, make_plane

KILLS = 20
BATCH = 20
CONTRACT = "vehicle-complaint.v1"


@pytest.fixture
def idle(stack: Stack, template: str, tmp_path: Path, storage: str) -> Iterator[Plane]:
    """An environment whose host the test starts and kills itself."""
    made = make_plane(stack, template, tmp_path, storage)
    yield made
    close_plane(made)


class Load:
    """Posts batches as fast as answers come, and remembers what was acknowledged."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.url = ""
        self.sent: list[list[dict[str, object]]] = []
        self.acknowledged: set[int] = set()
        self.stop = threading.Event()
        self.unexpected: Counter[int] = Counter()
        self.first_answer: float | None = None
        self._number = 1
        self._lock = threading.Lock()

    def run(self) -> None:
        session = requests.Session()
        while not self.stop.is_set():
            with self._lock:
                first = self._number
                self._number += BATCH
                batch = [a_complaint(first + i) for i in range(BATCH)]
                self.sent.append(batch)
            self.post(session, batch)
        session.close()

    def post(self, session: requests.Session, batch: list[dict[str, object]]) -> bool:
        try:
            answer = session.post(
                f"{self.url}/v1/ingest/{CONTRACT}",
                data=b"\n".join(orjson.dumps(record) for record in batch),
                headers=self.plane.headers(**{"Content-Type": "application/x-ndjson"}),
                timeout=20,
            )
        except requests.RequestException:
            time.sleep(0.02)
            return False
        if answer.status_code in (200, 201):
            with self._lock:
                self.first_answer = self.first_answer or time.monotonic()
                self.acknowledged.update(int(str(r["odi_number"])) for r in batch)
            return True
        if answer.status_code != 503:
            self.unexpected[answer.status_code] += 1
        return False


def test_twenty_kills_under_load_lose_nothing_and_double_nothing(
    idle: Plane, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """000-R15, 001-R4, 001-R5: every 2xx is admitted once; a full re-send leaves each once."""
    dice = random.Random(20_261_121)
    # The data plane alone, as it is deployed: its reconciler runs in another app.
    env = {**os.environ, **idle.environment.settings(), "OPS_PLANES": "data"}
    load = Load(idle)
    recoveries: list[float] = []
    killed_at: float | None = None
    for _ in range(KILLS):
        with launch(PROJECT, env, logs=tmp_path / "host.log") as host:
            load.url, load.first_answer = host.url, None
            load.stop.clear()
            threads = [threading.Thread(target=load.run) for _ in range(2)]
            for thread in threads:
                thread.start()
            deadline = time.monotonic() + 30
            while load.first_answer is None and time.monotonic() < deadline:
                time.sleep(0.005)
            answered = load.first_answer
            if answered is not None:
                if killed_at is not None:
                    recoveries.append(answered - killed_at)
                time.sleep(dice.uniform(0.0, 0.3))
            # The workers go down by themselves a moment after their supervisor; kill -9 them too.
            for victim in (*host.workers(), host.pid):
                os.kill(victim, signal.SIGKILL)
            killed_at = time.monotonic()
            load.stop.set()
            for thread in threads:
                thread.join(30)
            assert answered is not None, "the host never answered again"

    assert load.unexpected == Counter()
    counts = _admitted(idle)
    assert {counts[number] for number in load.acknowledged} == {1}
    assert max(counts.values()) == 1

    with launch(PROJECT, env, logs=tmp_path / "host.log") as host:
        load.url = host.url
        session = requests.Session()
        again = [load.post(session, batch) for batch in load.sent]
        session.close()
    assert all(again)
    counts = _admitted(idle)
    assert len(counts) == BATCH * len(load.sent)
    assert set(counts.values()) == {1}

    # A receipt document whose write died with the host is written by the reconciler.
    reconciler, call = idle.services.reconciler, idle.services.timer_call()
    lost = 0
    while found := reconciler.backfill(call, overdue=timedelta(0)).written:
        lost += found
    assert _unwritten(idle) == 0
    ordered = sorted(recoveries)
    record_property(
        "told",
        f"{KILLS} kills, {len(counts)} records, {lost} receipt documents backfilled;"
        f" from kill to the next answer: median {ordered[len(ordered) // 2]:.2f} s,"
        f" longest {ordered[-1]:.2f} s",
    )


def _admitted(plane: Plane) -> Counter[int]:
    """How often each record is in the ledger; each also needs exactly one key and one record."""
    environment = plane.environment
    with psycopg.connect(environment.stack.admin_url(environment.database)) as connection:
        ledger = connection.execute("SELECT event_id FROM ops.admission").fetchall()
        others = connection.execute(
            "SELECT (SELECT count(*) FROM ops.admission_key), (SELECT count(*) FROM ops.record),"
            " (SELECT coalesce(sum(cardinality(receipt_ids)), 0) FROM ops.receipt_document)"
        ).fetchone()
    assert others is not None
    assert {int(count) for count in others} == {len(ledger)}
    return Counter(int(event_id.partition("|")[0]) for (event_id,) in ledger)


def _unwritten(plane: Plane) -> int:
    environment = plane.environment
    with psycopg.connect(environment.stack.admin_url(environment.database)) as connection:
        row = connection.execute(
            "SELECT count(*) FROM ops.receipt_document WHERE written_at IS NULL"
        ).fetchone()
    assert row is not None
    return int(row[0])
