"""Duplicates: each event once, whatever arrives how often, in what order, at what time."""

from __future__ import annotations

import random
import threading
from collections import Counter

import orjson
import pytest

from shared.ingest import errors
from tests.support.factories import a_complaint, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import census, changed, facts, new_tenant

COMPLAINT = "vehicle-complaint.v1"


def decisions(answer) -> list[str]:
    return [record["decision"] for record in orjson.loads(answer.body)["records"]]


def receipts(answer) -> list[str]:
    return [record["receipt_id"] for record in orjson.loads(answer.body)["records"]]


def test_a_repeat_within_a_request_is_one_record(land: World, tenant: str) -> None:
    answer = land.submit(an_order(1), an_order(2), an_order(1), an_order(1), tenant=tenant)
    assert decisions(answer) == ["ADMIT", "ADMIT", "DUPLICATE", "DUPLICATE"]
    first, second, third, fourth = receipts(answer)
    assert first == third == fourth != second
    assert (answer.admitted, answer.duplicates) == (2, 2)


def test_a_repeat_across_requests_gets_the_first_receipt(land: World, tenant: str) -> None:
    first = land.submit(an_order(1), an_order(2), tenant=tenant)
    before = census(land)
    again = land.submit(an_order(2), an_order(3), an_order(1), tenant=tenant)
    assert decisions(again) == ["DUPLICATE", "ADMIT", "DUPLICATE"]
    assert [receipts(again)[2], receipts(again)[0]] == receipts(first)
    grown = changed(before, census(land))
    assert grown["admission"] == grown["record"] == grown["pii_vault"] == 1


def test_a_request_of_duplicates_alone_writes_one_fact_and_no_document(
    land: World, tenant: str
) -> None:
    land.submit(an_order(1), tenant=tenant)
    before = census(land)
    land.submit(an_order(1), tenant=tenant)
    assert changed(before, census(land)) == {"fact": 1, "fact_key": 1}
    decided = facts(land, "ingest:request:decided", tenant)
    assert [fact["attributes"]["document"] == "none" for fact in decided] == [False, True]


@pytest.mark.parametrize("earlier", [True, False])
def test_the_same_event_with_another_payload_is_a_conflict_and_one_anomaly(
    land: World, tenant: str, *, earlier: bool
) -> None:
    """002-B PAYLOAD_HASH_MISMATCH: across requests, and inside one."""
    other = an_order(1, ro_status="closed")
    records = [an_order(2), other, an_order(3)]
    if earlier:
        land.submit(an_order(1), tenant=tenant)
    else:
        records.insert(0, an_order(1))
    before = census(land)
    with pytest.raises(errors.PayloadDiffers) as refused:
        land.submit(*records, tenant=tenant)
    at = "/1" if earlier else "/2"
    assert [(i.pointer, i.code) for i in refused.value.items] == [(at, "payload_hash_mismatch")]
    assert changed(before, census(land)) == {"fact": 1, "fact_key": 1}
    (fact,) = facts(land, "ingest:payload:differed", tenant)
    assert fact["attributes"]["problems"] == 1
    assert facts(land, "ingest:request:refused", tenant) == []


def test_every_clash_of_a_request_is_listed_once(land: World, tenant: str) -> None:
    land.submit(an_order(1), an_order(2), tenant=tenant)
    clashing = [an_order(n, ro_status="closed") for n in (2, 3, 1)]
    with pytest.raises(errors.PayloadDiffers) as refused:
        land.submit(*clashing, an_order(3), tenant=tenant)
    assert [item.pointer for item in refused.value.items] == ["/0", "/2", "/3"]


def test_one_complaint_about_several_components_is_several_events(land: World, tenant: str) -> None:
    """A composite event id: each part counts, and no joining makes two of them one."""
    records = [
        a_complaint(1, component="BRAKES"),
        a_complaint(1, component="ENGINE"),
        a_complaint(1),
        a_complaint(1, component="ENGINE|BRAKES"),
    ]
    answer = land.submit(*records, tenant=tenant, contract=COMPLAINT)
    assert answer.admitted == 4
    assert len(set(receipts(answer))) == 4


def test_a_receipt_id_can_be_computed_again_and_differs_between_tenants(
    land: World, tenant: str
) -> None:
    """Design 4: the first half of the dedupe key, which names the tenant."""
    other = new_tenant(land)
    mine, theirs = (receipts(land.submit(an_order(1), tenant=t)) for t in (tenant, other))
    assert mine != theirs
    rows = land.rows(
        "SELECT encode(dedupe_key, 'hex') FROM ops.admission_key WHERE tenant_id = %s",
        land.tenants[tenant],
    )
    assert [row[:32] for (row,) in rows] == mine


def test_overlapping_batches_from_eight_threads_admit_each_record_once(
    land: World, tenant: str
) -> None:
    """Design 4: sorted claims; different orders never deadlock, and everybody is answered."""
    universe = [a_complaint(n) for n in range(1, 121)]
    answers: list[tuple[list[int], list[str], list[str]]] = []
    troubles: list[BaseException] = []
    start = threading.Barrier(8)

    def post(seed: int) -> None:
        dice = random.Random(seed)
        start.wait()
        try:
            for _ in range(4):
                chosen = dice.sample(range(120), 70)
                batch = [universe[n] for n in chosen]
                answer = land.submit(*batch, tenant=tenant, contract=COMPLAINT)
                answers.append((chosen, decisions(answer), receipts(answer)))
        except BaseException as trouble:  # noqa: BLE001 - shown by the assertion below
            troubles.append(trouble)

    threads = [threading.Thread(target=post, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [type(trouble).__name__ for trouble in troubles] == []
    admitted = Counter(
        number
        for chosen, verdicts, _ in answers
        for number, verdict in zip(chosen, verdicts, strict=True)
        if verdict == "ADMIT"
    )
    assert set(admitted.values()) == {1}
    told = {(n, r) for chosen, _, ids in answers for n, r in zip(chosen, ids, strict=True)}
    assert len(told) == len(admitted) == len({n for n, _ in told})
    counts = land.rows(
        "SELECT (SELECT count(*) FROM ops.admission WHERE tenant_id = %(t)s),"
        " (SELECT count(DISTINCT receipt_id) FROM ops.admission WHERE tenant_id = %(t)s),"
        " (SELECT count(*) FROM ops.record WHERE tenant_id = %(t)s),"
        " (SELECT count(*) FROM ops.admission_key WHERE tenant_id = %(t)s)".replace(
            "%(t)s", f"'{land.tenants[tenant]}'"
        )
    )
    assert counts == [(len(admitted),) * 4]


def test_two_threads_with_different_payloads_of_one_event_never_both_win(
    land: World, tenant: str
) -> None:
    """The loser sees the winner's committed payload, not its absence."""
    outcomes: Counter[str] = Counter()
    for number in range(1, 9):
        start = threading.Barrier(2)

        def post(status: str, number=number, start=start) -> None:
            start.wait()
            try:
                land.submit(an_order(number, ro_status=status), tenant=tenant)
                outcomes["admitted"] += 1
            except errors.PayloadDiffers:
                outcomes["refused"] += 1

        threads = [threading.Thread(target=post, args=(s,)) for s in ("open", "closed")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert outcomes == {"admitted": 8, "refused": 8}
