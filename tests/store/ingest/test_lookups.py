"""Receipts are found by event and by payload hash, inside one tenant, and told as they stand."""

from __future__ import annotations

import orjson
import pytest

from shared.ingest.contracts import Contract, shipped
from shared.ingest.errors import EventIdUnfit, TenantUnknown
from shared.ingest.lookups import EventSearch, PayloadSearch, Value, event_of
from shared.kernel.call import Call
from tests.support.factories import RECORDS, a_complaint, a_transaction, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import new_tenant
from tests.support.held import bad, hold, operator, told

ORDER, COMPLAINT, PAYMENT = "repair-order.v2", "vehicle-complaint.v1", "transaction.v1"


def contract(name: str) -> Contract:
    return shipped()[name]


def search(
    world: World, call: Call, name: str, *values: Value, run_id: str | None = None
) -> list[str]:
    of = contract(name)
    found = world.services.receipts.search(call, EventSearch(of, event_of(of, values), run_id))
    return [orjson.loads(body)["receipt_id"] for body in found]


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_an_event_of_every_contract_is_found_by_its_own_values(
    land: World, tenant: str, name: str
) -> None:
    record = RECORDS[name](7)
    answer = land.submit(record, tenant=tenant, contract=name)
    values = [record.get(field) for field in contract(name).event_id]
    (found,) = search(land, land.producer(tenant), name, *values)
    assert found == told(answer)[0]["receipt_id"]
    assert search(land, operator(land, tenant), name, *values) == [found]


def test_what_is_found_is_the_ledger_row_byte_for_byte(land: World, tenant: str) -> None:
    receipt_id = told(land.submit(an_order(1), tenant=tenant))[0]["receipt_id"]
    receipts, call = land.services.receipts, land.producer(tenant)
    stands = receipts.find(call, receipt_id)
    of = contract(ORDER)
    assert receipts.search(call, EventSearch(of, event_of(of, ["RO-000001"]))) == [stands]
    payload = bytes.fromhex(orjson.loads(stands)["payload_hash"]["hex"])
    assert receipts.search(call, PayloadSearch(payload)) == [stands]


def test_what_was_not_admitted_is_not_found(land: World, tenant: str) -> None:
    hold(land, tenant, bad(1))
    assert search(land, land.producer(tenant), ORDER, "RO-000001") == []
    assert land.services.receipts.search(land.producer(tenant), PayloadSearch(bytes(32))) == []


def test_fields_at_the_end_that_a_record_left_out_may_be_left_out(land: World, tenant: str) -> None:
    without = a_complaint(1)
    one = told(land.submit(without, tenant=tenant, contract=COMPLAINT))[0]
    call = land.producer(tenant)
    for values in ((10_000_001,), (10_000_001, None), (10_000_001, "")):
        assert search(land, call, COMPLAINT, *values) == [one["receipt_id"]]
    assert search(land, call, COMPLAINT, 10_000_001, "BRAKES") == []


@pytest.mark.parametrize(
    ("name", "values", "places"),
    [
        (ORDER, [], ["/event_id/0"]),
        (ORDER, [17], ["/event_id/0"]),
        (ORDER, ["no such/number"], ["/event_id/0"]),
        (ORDER, ["RO-1", "x"], []),
        (COMPLAINT, ["10000001", 7], ["/event_id/0", "/event_id/1"]),
        (COMPLAINT, [True], ["/event_id/0"]),
    ],
)
def test_an_event_id_that_no_record_can_have_is_refused_by_place_without_its_value(
    name: str, values: list[Value], places: list[str]
) -> None:
    with pytest.raises(EventIdUnfit) as refused:
        event_of(contract(name), values, "/event_id")
    assert [item.pointer for item in refused.value.items] == places
    told_of = refused.value.message + repr(refused.value.items)
    assert "no such/number" not in told_of


def test_an_event_known_by_run_is_looked_for_in_one_run(land: World, tenant: str) -> None:
    run = land.services.runs.open(operator(land, tenant), land.services.policy.shipped, "k")
    run_id = run.row.run_id
    sent = {
        where: told(land.submit(a_transaction(1), tenant=tenant, contract=PAYMENT, run_id=where))[
            0
        ]["receipt_id"]
        for where in (run_id, None)
    }
    call = land.producer(tenant)
    assert search(land, call, PAYMENT, "txn-00000001") == [sent[None]]
    assert search(land, call, PAYMENT, "txn-00000001", run_id=run_id) == [sent[run_id]]
    assert search(land, call, PAYMENT, "txn-00000001", run_id="run_" + "0" * 26) == []
    # One payload, two runs: two receipts.
    receipt = orjson.loads(land.services.receipts.find(call, sent[run_id]))
    payload = bytes.fromhex(receipt["payload_hash"]["hex"])
    found = land.services.receipts.search(call, PayloadSearch(payload))
    assert {orjson.loads(body)["receipt_id"] for body in found} == set(sent.values())


def test_nobody_finds_what_another_tenant_holds(land: World, tenant: str) -> None:
    land.submit(an_order(1), tenant=tenant)
    other = new_tenant(land)
    assert search(land, land.producer(other), ORDER, "RO-000001") == []
    land.services.provisioning.create_tenant(land.operator(), f"{other}-b", "group")
    made = [t for t in land.services.provisioning.tenants(land.operator()) if t.name.endswith("-b")]
    stranger = land.producer(made[-1].tenant_id)
    with pytest.raises(TenantUnknown):
        search(land, stranger, ORDER, "RO-000001")
