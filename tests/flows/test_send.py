"""The real command line against the real host: killed, interrupted, gone on with, through."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import orjson
import psycopg
import pytest

from local.stack import Stack
from tests.support.factories import a_complaint
from tests.support.fix_plane import Plane, close_plane, make_plane
from tests.support.sending import Sender

OPSPLANE = Path(sys.executable).with_name("opsplane")
CONTRACT = "vehicle-complaint.v1"
RECORDS = 50_000
KILLS = 8


def write(file: Path, count: int, first: int = 1) -> Path:
    with file.open("wb") as out:
        for number in range(first, first + count):
            out.write(orjson.dumps(a_complaint(number)) + b"\n")
    return file


@pytest.fixture
def sender(plane: Plane, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Sender:
    tenant = f"sender-{uuid.uuid4().hex[:8]}"
    plane.add_tenant(tenant, CONTRACT)
    return Sender(plane, tenant, tmp_path / "state", capsys)


def start(sender: Sender, file: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [OPSPLANE, "ingest", "send", str(file), "--contract", CONTRACT, "--json"]
    return subprocess.Popen(
        [*words, "--state", str(sender.state), *more],
        env={"PATH": os.environ["PATH"], **sender.variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def receipts_there(sender: Sender) -> bool:
    """Whether the sender has written down an answer."""
    return any(
        file.read_bytes().count(b"\n") > 1 for file in sender.state.glob("*.receipts.ndjson")
    )


def stored(sender: Sender) -> list[tuple[int, int]]:
    """How many records each complaint of the tenant has: number, count."""
    environment = sender.plane.environment
    with psycopg.connect(environment.stack.admin_url(environment.database)) as connection:
        return connection.execute(
            "SELECT (deterministic->>'odi_number')::bigint, count(*) FROM ops.record"
            " WHERE tenant_id = %s GROUP BY 1 ORDER BY 1",
            (sender.plane.tenants[sender.tenant],),
        ).fetchall()


def test_each_record_is_in_once_however_often_the_sender_is_killed(
    sender: Sender, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """50,000 records, kill -9 at random moments, the same command again each time."""
    dice = random.Random(20_261_121)
    file = write(tmp_path / "complaints.ndjson", RECORDS)
    began, died, landed = time.monotonic(), 0, 0
    for _ in range(KILLS):
        with start(sender, file) as running:
            try:
                running.wait(dice.uniform(0.3, 2.0))
                break
            except subprocess.TimeoutExpired:
                os.kill(running.pid, signal.SIGKILL)
                died += 1
                landed += receipts_there(sender)
    with start(sender, file) as last:
        out, err = last.communicate(timeout=120)
    record_property("seconds", round(time.monotonic() - began, 1))
    record_property("kills", died)
    record_property("kills after the first answer", landed)

    assert (last.returncode, err) == (0, b"")
    told = json.loads(out)
    assert landed > KILLS // 2
    assert told["complete"]
    assert told["admitted"] + told["duplicates"] == RECORDS
    assert stored(sender) == [(10_000_000 + n, 1) for n in range(1, RECORDS + 1)]
    lines = Path(told["receipts_file"]).read_bytes().splitlines()[1:]
    receipts = [json.loads(line) for line in lines]
    assert sorted(line["index"] for line in receipts) == list(range(RECORDS))
    assert len({line["receipt_id"] for line in receipts}) == RECORDS


def test_ctrl_c_is_130_and_says_how_to_go_on(sender: Sender, tmp_path: Path) -> None:
    file = write(tmp_path / "complaints.ndjson", 10_000)
    with start(sender, file) as running:
        while not receipts_there(sender):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    told = json.loads(out)
    assert (running.returncode, err) == (130, b"")
    assert told["stopped"]["code"] == "client.interrupted"
    assert 0 < told["admitted"] < 10_000
    assert len(stored(sender)) == told["admitted"]

    told = sender.send(file, CONTRACT)
    assert (told["admitted"], told["duplicates"]) == (10_000, 0)


def test_a_gate_that_is_killed_and_comes_back_is_waited_for(
    stack: Stack,
    template: str,
    tmp_path: Path,
    storage: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """002-B: nothing to run again by hand; every answer that was lost is asked for again."""
    plane = make_plane(stack, template, tmp_path, storage)
    try:
        plane.add_tenant("waiting", CONTRACT)
        sender = Sender(plane, "waiting", tmp_path / "state", capsys)
        file = write(tmp_path / "complaints.ndjson", 10_000)
        with plane.environment.host() as plane.host:
            port, running = plane.host.port, start(sender, file, "--give-up-after", "60")
            while not receipts_there(sender):
                assert running.poll() is None
                time.sleep(0.01)
            for victim in (*plane.host.workers(), plane.host.pid):
                os.kill(victim, signal.SIGKILL)
        with plane.environment.host(port=port):
            out, err = running.communicate(timeout=90)
        told = json.loads(out)
        assert (running.returncode, err) == (0, b"")
        assert told["retries"] > 0
        assert told["admitted"] + told["duplicates"] == 10_000
        assert stored(sender) == [(10_000_000 + n, 1) for n in range(1, 10_001)]
    finally:
        close_plane(plane)


def test_two_files_that_overlap_share_their_events(sender: Sender, tmp_path: Path) -> None:
    sender.send(write(tmp_path / "one.ndjson", 30), CONTRACT)
    told = sender.send(write(tmp_path / "two.ndjson", 30, first=21), CONTRACT)
    assert (told["admitted"], told["duplicates"]) == (20, 10)


def test_a_csv_without_a_mapping_goes_in_where_columns_are_fields(
    sender: Sender, tmp_path: Path
) -> None:
    file = tmp_path / "complaints.csv"
    file.write_text(
        "odi_number,make,model,model_year,received_on,crash,narrative\n"
        '10000001,FORD,ESCAPE,2020,2024-02-19,false,"It stalled, ""twice""."\n'
        "10000002,FORD,ESCAPE,2020,2024-02-19,,It stalled.\n",
        encoding="utf-8-sig",
    )
    assert sender.send(file, CONTRACT)["admitted"] == 2


def test_a_refused_record_is_named_by_line_pointer_and_code(sender: Sender, tmp_path: Path) -> None:
    file = write(tmp_path / "complaints.ndjson", 3)
    with file.open("ab") as out:
        out.write(orjson.dumps(a_complaint(9, model_year=12, colour="red")) + b"\n")

    told = sender.send(file, CONTRACT, code=1)

    assert told["stopped"]["code"] == "client.records_refused"
    assert {(one["line"], one["pointer"], one["code"]) for one in told["first_refused"]} == {
        (4, "/model_year", "below_minimum"),
        (4, "/colour", "field_unknown"),
    }
    assert stored(sender) == []

    told = sender.send(file, CONTRACT, "--on-refused", "skip", code=1)
    assert (told["admitted"], told["refused"], told["complete"]) == (3, 1, True)


def test_lenient_handling_quarantines_what_does_not_fit(sender: Sender, tmp_path: Path) -> None:
    file = write(tmp_path / "complaints.ndjson", 3)
    with file.open("ab") as out:
        out.write(orjson.dumps(a_complaint(9, model_year=12)) + b"\n")

    told = sender.send(file, CONTRACT, "--handling", "lenient", code=1)

    assert (told["admitted"], told["quarantined"], told["complete"]) == (3, 1, True)
    assert told["first_quarantined"] == [
        {"line": 4, "pointer": "/model_year", "code": "below_minimum"}
    ]
    assert len(stored(sender)) == 3


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"OPS_INGEST_TOKEN": "x.y.z"}, 4, "identity.token_malformed"),
        ({"OPS_INGEST_TENANT": "tnt_00000000000000000000000000"}, 5, "ingest.tenant_unknown"),
        ({"OPS_INGEST_URL": "http://127.0.0.1:9"}, 7, "client.gate_unreachable"),
    ],
)
def test_a_stop_has_the_exit_code_of_its_reason(
    sender: Sender,
    tmp_path: Path,
    changes: dict[str, str],
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = write(tmp_path / "complaints.ndjson", 1)
    before = sender.variables
    monkeypatch.setattr(Sender, "variables", {**before, **changes})
    found = sender.send(file, CONTRACT, "--give-up-after", "0", code=code)
    assert found["stopped"]["code"] == told
