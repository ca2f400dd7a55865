"""Lenient handling: each record is decided for itself, then one commit (D17)."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.scan import Matcher, Report, scan_database
from shared.bootstrap import Ports
from shared.ingest import errors
from shared.ingest.body import BATCHED, STRUCTURED
from shared.ingest.quarantine import Reason
from shared.kernel.db import AlreadyThere, DatabaseUnavailable, OutcomeUnknown
from shared.kernel.errors import Conflict, Invalid
from shared.kernel.ids import ReceiptId
from tests.support.factories import PLANTED, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import census, changed, facts, grow, new_tenant
from tests.support.held import (
    LENIENT,
    NDJSON,
    bad,
    copies,
    decisions,
    hold,
    leaking,
    operator,
    states,
    told,
)

ADMIT, DUPLICATE, QUARANTINE = "ADMIT", "DUPLICATE", "QUARANTINE"


def lines(*parts: object) -> bytes:
    return b"\n".join(p if isinstance(p, bytes) else orjson.dumps(p) for p in parts)


def test_each_record_gets_its_own_decision_in_the_order_of_the_request(
    land: World, tenant: str
) -> None:
    land.submit(an_order(1), tenant=tenant)
    answer = land.submit(
        an_order(2), an_order(1), bad(3), an_order(2), an_order(1, odometer_in=1), leaking(4),
        tenant=tenant, **LENIENT,
    )  # fmt: skip
    assert decisions(answer) == [ADMIT, DUPLICATE, QUARANTINE, DUPLICATE, QUARANTINE, QUARANTINE]
    assert (answer.admitted, answer.duplicates, answer.quarantined) == (1, 2, 3)
    reasons = [record.get("reasons", []) for record in told(answer)]
    assert [[(r["pointer"], r["code"]) for r in of] for of in reasons] == [
        [],
        [],
        [("/2/ro_status", "not_one_of")],
        [],
        [("/4", "payload_hash_mismatch")],
        [("/5/vehicle_model", "pii_deterministic_leak")],
    ]


def test_a_line_that_cannot_be_read_does_not_hide_the_others(land: World, tenant: str) -> None:
    body = lines(an_order(1), b"{", b'{"a":1,"a":2}', b"\xff", b"[]", b'{"vin":"\\u0000"}', b" ", 7)
    answer = land.submit(tenant=tenant, body=body, media_type=NDJSON, **LENIENT)
    assert decisions(answer) == [ADMIT, *[QUARANTINE] * 6]
    first = [record["reasons"][0] for record in told(answer)[1:]]
    assert [(r["pointer"], r["code"]) for r in first] == [
        ("/1", "json_unreadable"),
        ("/2", "duplicate_name"),
        ("/3", "json_unreadable"),
        ("/4", "type_object"),
        ("/5/vin", "nul"),
        ("/6", "type_object"),
    ]


def test_cloudevents_are_decided_one_by_one(land: World, tenant: str) -> None:
    event = {"specversion": "1.0", "id": "e", "source": "/s", "type": "t"}
    batch = [
        {**event, "data": an_order(1)},
        {**event, "data": bad(2)},
        {**event, "specversion": "2", "data": an_order(3)},
        7,
    ]
    answer = land.submit(tenant=tenant, body=orjson.dumps(batch), media_type=BATCHED, **LENIENT)
    assert decisions(answer) == [ADMIT, *[QUARANTINE] * 3]
    assert [record["reasons"][0]["pointer"] for record in told(answer)[1:]] == [
        "/1/data/ro_status",
        "/2/specversion",
        "/3",
    ]
    # The same event alone is the same bytes in the same wrapping.
    again = land.submit(
        tenant=tenant, body=orjson.dumps(batch[1]), media_type=STRUCTURED, **LENIENT
    )
    assert told(again)[0]["receipt_id"] == told(answer)[1]["receipt_id"]
    plain = land.submit(tenant=tenant, body=orjson.dumps(batch[1]), **LENIENT)
    assert told(plain)[0]["receipt_id"] != told(answer)[1]["receipt_id"], "it is no event there"


def test_repeats_of_a_leaking_record_are_set_aside_with_it_and_point_at_themselves(
    land: World, tenant: str
) -> None:
    answer = land.submit(leaking(1), an_order(2), leaking(1), tenant=tenant, **LENIENT)
    assert decisions(answer) == [QUARANTINE, ADMIT, QUARANTINE]
    first, _, again = told(answer)
    assert first["receipt_id"] == again["receipt_id"]
    assert [r["pointer"] for r in again["reasons"]] == ["/2/vehicle_model"]
    assert len(copies(land, tenant)) == 1


def test_a_leak_and_a_clash_of_one_event_are_counted_once_each(land: World, tenant: str) -> None:
    answer = land.submit(leaking(1), an_order(1), tenant=tenant, **LENIENT)
    assert decisions(answer) == [QUARANTINE, QUARANTINE]
    assert answer.quarantined == 2
    assert [r["reasons"][0]["code"] for r in told(answer)] == [
        "pii_deterministic_leak",
        "payload_hash_mismatch",
    ]
    # Nothing of the event was admitted, so nothing that was admitted came again otherwise.
    assert facts(land, "ingest:payload:differed", tenant) == []


def test_waiting_for_a_turn_makes_no_request_too_heavy(
    stack, template, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lost a race waits for the others; only its own work counts against it."""
    with grow(stack, template, tmp_path, Ports()) as world, world.connect() as other:
        gate = world.services.gate
        monkeypatch.setattr(gate, "_work_seconds", 0.3)
        decide, tried = gate._decide, []

        def lose_once(*args: Any, in_turn: bool) -> Any:
            tried.append(in_turn)
            if not in_turn:
                raise AlreadyThere
            return decide(*args, in_turn=in_turn)

        monkeypatch.setattr(gate, "_decide", lose_once)
        other.execute("BEGIN")
        other.execute(
            "SELECT pg_advisory_xact_lock(4713002, hashtext(%s))", (world.tenants["north"],)
        )
        timer = threading.Timer(0.6, lambda: other.execute("COMMIT"))
        timer.start()
        assert world.submit(an_order(1)).admitted == 1
        timer.join()
    assert tried == [False, True]


def test_what_an_event_is_compared_with_is_what_was_admitted(land: World, tenant: str) -> None:
    """Whatever comes first in a request: the true repeat is known, and no clash passes for one."""
    land.submit(an_order(1), tenant=tenant)
    other = an_order(1, odometer_in=1)
    answer = land.submit(other, an_order(1), other, tenant=tenant, **LENIENT)
    assert decisions(answer) == [QUARANTINE, DUPLICATE, QUARANTINE]
    with pytest.raises(errors.PayloadDiffers) as refused:
        land.submit(other, an_order(1), other, tenant=tenant)
    assert [item.pointer for item in refused.value.items] == ["/0", "/2"]


def test_without_an_admission_the_first_record_of_an_event_counts(land: World, tenant: str) -> None:
    answer = land.submit(
        an_order(1), an_order(1, odometer_in=1), an_order(1), tenant=tenant, **LENIENT
    )
    assert decisions(answer) == [ADMIT, QUARANTINE, DUPLICATE]


def test_the_same_bytes_are_held_once_until_they_are_settled(land: World, tenant: str) -> None:
    (first,) = hold(land, tenant, bad(1))
    before = census(land)
    assert hold(land, tenant, bad(1)) == [first]
    assert hold(land, tenant, bad(1), bad(1)) == [first, first]
    assert changed(before, census(land)) == {"fact": 2, "fact_key": 2}, "no receipt, no document"
    call = operator(land, tenant)
    land.services.quarantine.discard(call, first, Reason.NOT_WANTED)
    (anew,) = hold(land, tenant, bad(1))
    assert anew != first
    assert states(land, tenant) == {first: "discarded", anew: "held"}


def test_a_request_of_which_all_is_held_leaves_receipts_and_no_record(
    land: World, tenant: str
) -> None:
    before = census(land)
    answer = land.submit(bad(1), bad(2), tenant=tenant, **LENIENT)
    assert (answer.admitted, answer.quarantined) == (0, 2)
    assert changed(before, census(land)) == {
        "admission": 2,
        "quarantine": 2,
        "quarantine_copy": 2,
        "receipt_document": 1,
        "fact": 1,
        "fact_key": 1,
    }
    for record in told(answer):
        check = land.services.receipts.verify(
            land.producer(tenant), ReceiptId(record["receipt_id"])
        )
        assert check.ok, check.failed


def test_the_receipt_of_a_held_record_says_why_and_nothing_of_it(land: World, tenant: str) -> None:
    (receipt_id,) = hold(land, tenant, bad(1))
    receipt = orjson.loads(land.services.receipts.find(land.producer(tenant), receipt_id))
    assert receipt["decision"] == QUARANTINE
    assert receipt["reason_codes"] == ["not_one_of"]
    assert receipt["evidence_refs"] == [{"ref_type": "QUARANTINE", "ref_id": receipt_id}]
    unsaid = {"event_id", "ts_utc", "payload_hash", "record_hash", "dedupe_key", "partition_key"}
    assert not unsaid & receipt.keys()
    assert receipt["content_hash"]["algo"] == "hmac-sha256"


def test_the_reconciler_writes_documents_that_hold_quarantine_receipts(
    land: World, tenant: str
) -> None:
    land.blobs.available = False
    answer = land.submit(an_order(1), bad(2), tenant=tenant, **LENIENT)
    land.blobs.available = True
    land.clock.advance(seconds=31)
    assert land.services.reconciler.backfill(land.services.timer_call()).written == 1
    for record in told(answer):
        check = land.services.receipts.verify(
            land.producer(tenant), ReceiptId(record["receipt_id"])
        )
        assert check.ok, check.failed


def test_a_repeat_under_a_key_gets_the_answer_byte_for_byte(land: World, tenant: str) -> None:
    send: dict[str, Any] = {"tenant": tenant, "idempotency_key": "k", **LENIENT}
    first = land.submit(an_order(1), bad(2), **send)
    before = census(land)
    again = land.submit(an_order(1), bad(2), **send)
    assert (again.body, again.replayed, again.quarantined) == (first.body, True, 1)
    assert changed(before, census(land)) == {}
    with pytest.raises(errors.KeyReused):
        land.submit(an_order(1), bad(2), tenant=tenant, idempotency_key="k")


def test_strict_stays_strict(land: World, tenant: str) -> None:
    """D24: the same body under strict handling stores one fact and holds nothing."""
    body = lines(an_order(1), b"{", bad(2), leaking(3))
    before = census(land)
    with pytest.raises(errors.BodyUnreadable):
        land.submit(tenant=tenant, body=body, media_type=NDJSON)
    assert changed(before, census(land)) == {"fact": 1, "fact_key": 1}


def test_an_answer_names_no_member_that_a_sender_invented(land: World, tenant: str) -> None:
    """A member name may be a person's; a number is a place only inside a list."""
    invented = {"wilhelmine": 1, "123456789": ["\u0000"], "labor_lines": [{"quasten": 1}]}
    answer = land.submit(an_order(1, **invented), tenant=tenant, **LENIENT)
    text = answer.body.decode()
    assert not any(name in text for name in ("wilhelmine", "123456789", "quasten"))
    assert {r["pointer"] for r in told(answer)[0]["reasons"]} <= {"", "/labor_lines/0"}
    ((stored,),) = land.rows(
        "SELECT reasons::text FROM ops.quarantine WHERE receipt_id = %s",
        told(answer)[0]["receipt_id"],
    )
    assert not any(name in stored for name in ("wilhelmine", "123456789", "quasten"))


def test_nothing_of_a_held_record_is_anywhere_but_sealed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """000-R20, D16: tables, statistics, statements, documents, answers and logs."""
    caplog.set_level("DEBUG")
    control = "RO-000777"
    said = [
        world.submit(an_order(777), bad(2), leaking(3), **LENIENT).body,
        world.submit(
            body=lines(bad(2), an_order(777, odometer_in=1), b'"Quastenflosser'),
            media_type=NDJSON,
            idempotency_key="k",
            **LENIENT,
        ).body,
    ]
    call = operator(world, "north")
    quarantine = world.services.quarantine
    held = quarantine.list(call)
    assert len(held) == 4
    for entry in held:
        with pytest.raises((Invalid, Conflict)) as refused:
            quarantine.release(
                operator(world, "north"),
                entry.receipt_id,
                Reason.CONTRACT_FIXED,
                world.services.policy.shipped,
            )
        said.append(repr((str(refused.value), refused.value.items)).encode())
    said.append(repr([quarantine.show(call, entry.receipt_id) for entry in held]).encode())

    kinds = [(f"planted {number}", value) for number, value in enumerate(PLANTED)]
    report = Report(Matcher([*kinds, ("control", control)]))
    scan_database(report, world.stack.admin_url(world.database))
    for container in ("receipts",):
        for name in world.blobs.names(container):
            report.look("blob", name, world.blobs.get(container, name))
    for text in (*said, caplog.text.encode()):
        report.look("answer", "answers and logs", text)
    assert report.unread == []
    assert {f.kind for f in report.findings} == {"control"}, [str(f) for f in report.findings]
    assert {"table", "blob"} <= {f.surface for f in report.findings}


def test_two_equal_requests_at_once_admit_once_and_hold_once(land: World, tenant: str) -> None:
    """The index decides (quarantine_held_once); whoever is second looks again."""
    records = [record for n in range(1, 21) for record in (an_order(n), bad(n))]
    start = threading.Barrier(6)

    def send(turn: int) -> Any:
        start.wait()
        return land.submit(*records[turn:], *records[:turn], tenant=tenant, **LENIENT)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    assert sum(answer.admitted for answer in answers) == 20
    assert {answer.quarantined for answer in answers} == {20}
    held = {r["receipt_id"] for a in answers for r in told(a) if r["decision"] == QUARANTINE}
    assert held == states(land, tenant).keys() == copies(land, tenant)
    assert len(held) == 20


@pytest.fixture(scope="module")
def killing(stack, template, tmp_path_factory):
    with grow(stack, template, tmp_path_factory.mktemp("killing")) as world:
        with world.connect() as admin:
            admin.execute(
                "CREATE FUNCTION public.hang_up() RETURNS trigger LANGUAGE plpgsql"
                " SECURITY DEFINER AS $$ BEGIN"
                " PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1);"
                " RETURN NULL; END $$"
            )
        yield world


@pytest.mark.parametrize("table", ["admission_key", "quarantine", "quarantine_copy", "fact_key"])
@pytest.mark.parametrize("when", ["statement", "commit"])
def test_a_connection_killed_at_any_write_leaves_nothing(
    killing: World, table: str, when: str
) -> None:
    tenant = f"{table}-{when}".replace("_", "-")
    killing.add_tenant(tenant, "repair-order.v2")
    before = census(killing)
    with killing.connect() as admin:
        deferred = "CONSTRAINT TRIGGER" if when == "commit" else "TRIGGER"
        later = "DEFERRABLE INITIALLY DEFERRED" if when == "commit" else ""
        admin.execute(
            f"CREATE {deferred} cut AFTER INSERT ON ops.{table} {later}"
            " FOR EACH ROW EXECUTE FUNCTION public.hang_up()"
        )
        with pytest.raises(OutcomeUnknown if when == "commit" else DatabaseUnavailable):
            killing.submit(an_order(1), bad(2), tenant=tenant, **LENIENT)
        admin.execute(f"DROP TRIGGER cut ON ops.{table}")
    assert changed(before, census(killing)) == {}
    again = killing.submit(an_order(1), bad(2), tenant=tenant, **LENIENT)
    assert (again.admitted, again.quarantined) == (1, 1)


# --- a model -------------------------------------------------------------------------------------

VARIANTS = {
    "plain": an_order,
    "other": lambda n: an_order(n, odometer_in=1),
    "leaking": leaking,
    "bad": bad,
}
SENT = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(sorted(VARIANTS))), min_size=1, max_size=8
)


def expected(known: dict[int, str], sent: list[tuple[int, str]]) -> list[str]:
    """What the gate should say, and what it knows afterwards."""
    first = {n: v for n, v in reversed(sent) if v != "bad"}
    compared = first | known
    found = []
    for number, variant in sent:
        if variant == "bad" or variant != compared[number] or variant == "leaking":
            found.append(QUARANTINE)
        elif number in known:
            found.append(DUPLICATE)
        else:
            known[number] = variant
            found.append(ADMIT)
    return found


@settings(max_examples=40, deadline=None)
@given(requests=st.lists(SENT, min_size=1, max_size=3))
def test_any_mix_is_decided_like_the_model_and_the_tables_agree(
    land: World, requests: list[list[tuple[int, str]]]
) -> None:
    tenant = new_tenant(land, "repair-order.v2")
    known: dict[int, str] = {}
    held: dict[tuple[int, str], str] = {}
    counts: Counter[str] = Counter()
    for sent in requests:
        answer = land.submit(*(VARIANTS[v](n) for n, v in sent), tenant=tenant, **LENIENT)
        wanted = expected(known, sent)
        assert decisions(answer) == wanted
        for one, record in zip(sent, told(answer), strict=True):
            if record["decision"] == QUARANTINE:
                assert held.setdefault(one, record["receipt_id"]) == record["receipt_id"]
        counts.update(wanted)
        said = (answer.admitted, answer.duplicates, answer.quarantined)
        assert said == tuple(wanted.count(word) for word in (ADMIT, DUPLICATE, QUARANTINE))

    assert len(set(held.values())) == len(held)
    mine = land.tenants[tenant]
    for table, rows in {
        "admission": len(known) + len(held),
        "admission_key": len(known),
        "record": len(known),
        "pii_vault": len(known),
        "quarantine": len(held),
        "quarantine_copy": len(held),
    }.items():
        query = f"SELECT count(*) FROM ops.{table} WHERE tenant_id = %s"
        assert land.rows(query, mine) == [(rows,)], table
    told_by_facts = [fact["attributes"] for fact in facts(land, "ingest:request:decided", tenant)]
    assert sum(fact["quarantined"] for fact in told_by_facts) == counts[QUARANTINE]
    assert sum(fact["admitted"] for fact in told_by_facts) == counts[ADMIT]
    assert len(told_by_facts) == len(requests)
