"""A file through the gate: each row once, whatever happens on the way."""

from __future__ import annotations

import os
import random
import signal

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.gate_memory import MemoryGate
from shared.client.batches import Bounds, batches
from shared.client.errors import (
    GateUnreachable,
    JournalBroken,
    JournalBusy,
    JournalDiffers,
    ReceiptsForeign,
)
from shared.client.mapping import none_for
from shared.client.ports import Reply
from shared.client.reading import Format
from shared.client.rows import Row
from shared.ingest.contracts import named
from tests.support.desk import Desk
from tests.support.factories import a_complaint

MAPPING = none_for(named("vehicle-complaint.v1"), Format.NDJSON)


def sample(count):
    return [a_complaint(number) for number in range(count)]


def test_every_record_goes_in_and_every_receipt_comes_out(desk) -> None:
    desk.write(*sample(25))

    report = desk.send()

    assert (report.stop, report.tally.admitted, report.counters.requests) == (None, 25, 4)
    assert len(desk.gate.events) == 25
    receipts = desk.receipts()
    assert [line["at"] for line in receipts] == list(range(1, 26))
    assert {line["receipt_id"] for line in receipts} == {
        receipt for _, receipt in desk.gate.events.values()
    }


def test_a_redelivery_is_all_duplicates_with_the_same_receipts(desk) -> None:
    desk.write(*sample(25))
    desk.send()
    first = [line["receipt_id"] for line in desk.receipts()]

    report = desk.send(restart=True)

    assert (report.tally.admitted, report.tally.duplicates) == (0, 25)
    assert [line["receipt_id"] for line in desk.receipts()] == first


def test_a_file_that_is_through_is_not_sent_again(desk) -> None:
    desk.write(*sample(5))
    desk.send()
    before = len(desk.gate.requests)

    report = desk.send()

    assert (report.tally.admitted, report.earlier.admitted) == (5, 5)
    assert len(desk.gate.requests) == before


def test_an_answer_that_was_lost_counts_as_what_it_was(desk) -> None:
    desk.write(*sample(5))
    desk.gate.loses_answers = 2
    assert desk.send().tally.admitted == 5


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), concurrency=st.integers(1, 3))
def test_killed_anywhere_each_row_is_counted_once(seed, concurrency, tmp_path_factory) -> None:
    """The process dies in a write, in a flush, before a request or after its answer is lost."""
    dice = random.Random(seed)
    desk = Desk(tmp_path_factory.mktemp("desk"), concurrency=concurrency)
    count = dice.randrange(0, 200)
    desk.write(*sample(count))
    for _ in range(6):
        countdown = dice.randrange(1, 60)

        def tick(_fd, real=os.fsync):
            nonlocal countdown
            countdown -= 1
            if countdown <= 0:
                raise Killed
            real(_fd)

        desk.gate.loses_answers = dice.randrange(3)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.fsync", tick)
            try:
                desk.send()
            except Killed:
                _tear(desk, dice)

    report = desk.send()

    assert report.stop is None
    assert report.tally.admitted == report.tally.rows == count
    assert sorted(line["index"] for line in desk.receipts()) == list(range(count))
    assert len(desk.gate.events) == count


def _tear(desk, dice) -> None:
    """What was not flushed may be on disk in part, or not at all."""
    file = desk.places.journal
    if file.exists() and dice.random() < 0.5:
        whole = file.read_bytes()
        lines = whole.splitlines(keepends=True)
        if len(lines) > 1:
            file.write_bytes(b"".join(lines[:-1]) + lines[-1][: dice.randrange(len(lines[-1]))])


def test_the_journal_holds_nothing_of_the_records(desk) -> None:
    desk.skip = True
    planted = a_complaint(1, narrative="Wilhelmine Quastenflosser", refuse=True)
    desk.write(a_complaint(2, city="Quastenflosser"), planted)
    desk.send()
    kept = desk.places.journal.read_bytes() + desk.places.receipts.read_bytes()
    assert b"Quasten" not in kept
    assert b"10000001" not in kept


@pytest.mark.parametrize("what", ["source", "tenant"])
def test_a_journal_of_something_else_is_refused(desk, what) -> None:
    desk.write(*sample(15), a_complaint(50, refuse=True))
    assert desk.send().tally.admitted == 10

    if what == "source":
        desk.write(*sample(14))
    else:
        desk.tenant = "tnt_b"
    with pytest.raises(JournalDiffers, match=what):
        desk.send()
    desk.write(*sample(14))
    assert desk.send(restart=True).stop is None


def test_a_new_version_of_a_file_that_is_through_begins_anew(desk) -> None:
    desk.write(*sample(5))
    desk.send()
    desk.write(*sample(7))
    report = desk.send()
    assert (report.tally.admitted, report.tally.duplicates) == (2, 5)
    assert len(desk.receipts()) == 7


def test_two_processes_do_not_send_one_file_at_a_time(desk) -> None:
    desk.write(*sample(1))
    with desk.journal(), pytest.raises(JournalBusy):
        desk.send()


@pytest.mark.parametrize("line", [b"{}\n", b'{"journal": 2}\n', b"x\n"])
def test_a_journal_that_is_not_ours_is_refused(desk, line) -> None:
    desk.write(*sample(1))
    desk.send()
    desk.places.journal.write_bytes(line)
    with pytest.raises(JournalBroken):
        desk.send()


def test_a_line_in_the_middle_that_is_not_ours_is_refused(desk) -> None:
    desk.write(*sample(1))
    desk.send()
    desk.places.journal.write_bytes(desk.places.journal.read_bytes() + b'{"first": 0}\n{}\n')
    with pytest.raises(JournalBroken):
        desk.send()


def test_a_file_that_is_no_receipts_file_is_not_cut(desk) -> None:
    desk.write(*sample(1))
    desk.places.receipts.parent.mkdir()
    desk.places.receipts.write_text("my diary")
    with pytest.raises(ReceiptsForeign):
        desk.send()
    assert desk.places.receipts.read_text() == "my diary"


def test_a_refused_record_stops_the_delivery_and_is_named(desk) -> None:
    desk.write(*sample(12), a_complaint(50, refuse=True), *sample(0))

    report = desk.send()

    assert report.stop.code == "client.records_refused"
    assert [(one.at, one.pointer, one.code) for one in report.refused] == [
        (13, "/refuse", "broken")
    ]
    assert report.tally.admitted == 10
    desk.write(*sample(12))
    assert desk.send(restart=True).tally.admitted == 2


def test_refused_records_are_left_out_when_asked_and_the_rest_goes_in(desk) -> None:
    records = sample(30)
    for index in (3, 4, 19, 29):
        records[index]["refuse"] = True
    desk.write(*records)
    desk.skip = True

    report = desk.send()

    assert (report.stop, report.tally.admitted, report.tally.refused) == (None, 26, 4)
    refused = [line for line in desk.receipts() if line["decision"] == "REFUSED"]
    assert [line["at"] for line in refused] == [4, 5, 20, 30]
    assert len(desk.receipts()) == 30


def test_an_event_with_other_content_is_refused_alone(desk) -> None:
    desk.write(*sample(5))
    desk.send()
    desk.write(*sample(3), a_complaint(3, make="OTHER"), a_complaint(9))
    desk.skip = True
    report = desk.send()
    assert (report.tally.admitted, report.tally.duplicates, report.tally.refused) == (1, 3, 1)


@pytest.mark.parametrize("skip", [True, False])
def test_a_row_that_is_no_record_is_refused_before_it_is_sent(desk, skip) -> None:
    desk.write(*sample(3))
    with desk.file.open("ab") as file:
        file.write(b"[]\n" + orjson.dumps(a_complaint(7)) + b"\n")
    desk.skip = skip

    report = desk.send()

    assert [(one.at, one.code) for one in report.refused] == [(4, "row_not_object")]
    if skip:
        assert (report.tally.admitted, report.tally.refused) == (4, 1)
    else:
        assert (report.tally.rows, len(desk.gate.requests)) == (0, 0)


def test_another_policy_stops_and_the_next_run_goes_on_under_it(desk) -> None:
    desk.write(*sample(30))

    def switch(_):
        if len(desk.gate.requests) == 1:
            desk.gate.policy_rev = "1" * 64

    desk.gate.on_submit = switch
    report = desk.send()
    assert (report.stop.code, report.tally.admitted) == ("ingest.policy_rev_differs", 10)
    assert desk.send().tally.admitted == 30


def test_ctrl_c_ends_between_batches_and_the_next_run_goes_on(desk) -> None:
    desk.write(*sample(60))

    def interrupt(_):
        if len(desk.gate.requests) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    desk.gate.on_submit = interrupt
    report = desk.send()
    assert report.stop.code == "client.interrupted"
    assert 0 < report.tally.admitted < 60
    desk.gate.on_submit = lambda _: None
    report = desk.send()
    assert (report.stop, report.tally.admitted) == (None, 60)


def test_ctrl_c_ends_a_wait_for_a_gate_that_is_away(desk) -> None:
    desk.write(*sample(1))
    desk.gate.script += [GateUnreachable()] * 10_000
    desk.give_up_after, desk.chance = 1e9, 1.0

    report = desk.send(watch=lambda _: os.kill(os.getpid(), signal.SIGINT))

    assert report.stop.code == "client.interrupted"


def test_several_at_a_time_are_no_different(desk) -> None:
    desk.concurrency = 4
    desk.write(*sample(205))
    report = desk.send()
    assert report.tally.admitted == 205
    assert sorted(line["index"] for line in desk.receipts()) == list(range(205))


def test_lenient_quarantine_is_counted_with_its_reasons(desk) -> None:
    desk.write(*sample(2))
    answer = {
        "request_id": "req_1",
        "quarantined": 1,
        "records": [
            {"decision": "ADMIT", "receipt_id": "a" * 32},
            {
                "decision": "QUARANTINE",
                "receipt_id": "b" * 32,
                "reasons": [{"pointer": "/model_year", "code": "below_minimum", "detail": "low"}],
            },
        ],
    }
    desk.gate.script += [Reply(201, orjson.dumps(answer))]
    report = desk.send()
    assert (report.tally.admitted, report.tally.quarantined) == (1, 1)
    assert [(one.at, one.code) for one in report.quarantined] == [(2, "below_minimum")]
    assert desk.receipts()[1]["problems"] == [{"pointer": "/model_year", "code": "below_minimum"}]


@given(
    sizes=st.lists(st.integers(1, 120), max_size=60),
    records=st.integers(1, 12),
    most=st.integers(60, 300),
    done=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=4),
)
def test_batches_hold_each_row_once_within_their_bounds(sizes, records, most, done) -> None:
    rows = [Row(i, i + 1, {}, b"x" * size) for i, size in enumerate(sizes)]
    ranges, end = [], 0
    for first, length in sorted(done):
        if first >= end:
            ranges.append((first, end := first + length))
    bounds = Bounds(records, most)

    found = list(batches(rows, MAPPING, bounds, ranges))

    settled = {index for first, end in ranges for index in range(first, end)}
    sent = [record.index for batch in found for record in batch.records]
    assert sent == [row.index for row in rows if row.index not in settled]
    for batch in found:
        assert len(batch.records) <= records
        assert len(batch.body) <= most or len(batch.records) == 1
        assert not settled & set(range(batch.first, batch.end))
    assert found == list(batches(rows, MAPPING, bounds, ranges))


def test_the_memory_gate_is_no_easier_than_a_gate(desk) -> None:
    assert isinstance(desk.gate, MemoryGate)
    headers = {
        "Authorization": "Bearer token",
        "Ops-Policy-Rev": desk.gate.policy_rev,
        "Ops-Tenant": "t",
        "Idempotency-Key": "k",
    }
    assert desk.gate.submit("c", b'{"id":1}', headers).status == 201
    assert desk.gate.submit("c", b'{"id":2}', headers).status == 422
