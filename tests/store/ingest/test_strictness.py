"""Strict handling: one invalid record refuses all, names every failure, stores nothing."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.ingest import errors
from shared.ingest.contracts import Field, FieldType, shipped
from shared.kernel.errors import OpsError
from tests.support.factories import PLANTED, RECORDS, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import census, changed, facts, told

CONTRACTS = shipped()
SHARED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def test_every_failing_record_is_named_and_nothing_is_stored_but_one_fact(
    land: World, tenant: str
) -> None:
    """000-R15, D17, D24: valid neighbours are not admitted either."""
    records = [an_order(n) for n in range(1, 21)]
    for index in (3, 7, 19):
        records[index]["ro_status"] = "wrong"
    del records[7]["vin"]
    records[11]["labor_lines"][0]["line_number"] = 2
    before = census(land)
    with pytest.raises(errors.RecordsRefused) as refused:
        land.submit(*records, tenant=tenant)
    assert [(item.pointer, item.code) for item in refused.value.items] == [
        ("/3/ro_status", "not_one_of"),
        ("/7/vin", "field_required"),
        ("/7/ro_status", "not_one_of"),
        ("/11/labor_lines/0/line_number", "index_gap"),
        ("/19/ro_status", "not_one_of"),
    ]
    assert changed(before, census(land)) == {"fact": 1, "fact_key": 1}
    (fact,) = facts(land, "ingest:request:refused", tenant)
    assert fact["attributes"]["problems"] == 5


def test_a_single_record_is_pointed_at_from_its_own_root(land: World, tenant: str) -> None:
    with pytest.raises(errors.RecordsRefused) as refused:
        land.submit({**an_order(1), "odometer_in": -1}, tenant=tenant)
    assert [item.pointer for item in refused.value.items] == ["/odometer_in"]


def test_a_value_that_leaks_into_a_deterministic_field_refuses_the_request(
    land: World, tenant: str
) -> None:
    """000-B PII_DETERMINISTIC_LEAK: found after sealing, and the seal is rolled back with it."""
    before = census(land)
    leaking = an_order(2, vehicle_trim="plate QZX 4711, vin 1M8GDM9AXKP042788")
    with pytest.raises(errors.RecordsRefused) as refused:
        land.submit(an_order(1), leaking, tenant=tenant)
    assert {(i.pointer, i.code) for i in refused.value.items} == {
        ("/1/vehicle_trim", "pii_deterministic_leak")
    }
    assert changed(before, census(land)) == {"fact": 1, "fact_key": 1}
    assert not any(planted in told(refused.value) for planted in PLANTED)


def test_a_body_that_cannot_be_read_is_refused_with_one_fact(land: World, tenant: str) -> None:
    before = census(land)
    body = b'{"a":1}\n{"a":1,"a":2}\nnonsense\n{"narrative":"x\\u0000"}'
    with pytest.raises(errors.BodyUnreadable) as refused:
        land.submit(tenant=tenant, body=body)
    assert [(item.pointer, item.code) for item in refused.value.items] == [
        ("/1", "duplicate_name"),
        ("/2", "json_unreadable"),
        ("/3/narrative", "nul"),
    ]
    assert changed(before, census(land)) == {"fact": 1, "fact_key": 1}


def test_an_unknown_field_is_answered_with_its_nearest_names(land: World, tenant: str) -> None:
    with pytest.raises(errors.RecordsRefused) as refused:
        land.submit({**an_order(1), "customer_phon": "x"}, tenant=tenant)
    (item,) = refused.value.items
    assert (item.pointer, item.code) == ("/customer_phon", "field_unknown")
    assert "nearest: customer_phone" in item.message


@pytest.mark.parametrize(
    "key",
    [
        "Wilhelmine Quastenflosser",
        "1M8GDM9AXKP042788",
        "jh4ka8260mc000000",
        "qzx4711",
        "2065550143",
        "w.quastenflosser@mail.example",
        "",
        "a" * 64,
        "/~1",
    ],
)
def test_a_member_name_that_looks_like_a_value_is_not_repeated(
    land: World, tenant: str, key: str
) -> None:
    """000-R20: the pointer names the record, not the member."""
    with pytest.raises(errors.RecordsRefused) as refused:
        land.submit({**an_order(1), key: 1}, tenant=tenant)
    (item,) = refused.value.items
    assert (item.pointer, item.code) == ("", "field_unknown")
    assert not key or key not in told(refused.value)


def test_a_record_of_nothing_but_unknown_members_is_refused_in_time_and_in_brief(
    land: World, tenant: str
) -> None:
    """One request cannot buy minutes of looking for near names, nor an endless answer."""
    record = {f"unknown_member_{n // 26}_{n % 26}": n for n in range(20_000)} | {"x" * 10**5: 1}
    with pytest.raises(errors.RecordsRefused) as refused:
        land.submit(record, an_order(1), tenant=tenant)
    assert 0 < len(refused.value.items) <= 101


def planted_in(name: str, field: Field, value: str) -> dict[str, object]:
    record = RECORDS[name](1)
    if field.name in CONTRACTS[name].fields:
        return {**record, field.name: value}
    line = {"line_number": 1, field.name: value}
    if field.name in CONTRACTS[name].shapes["part_line"]:
        line = {"line_number": 1, "part_lines": [line]}
    return {**record, "labor_lines": [line]}


FIELDS = [
    (name, field)
    for name, contract in CONTRACTS.items()
    for fields in (contract.fields, *contract.shapes.values())
    for field in fields.values()
    if field.type is not FieldType.LIST
]


@settings(max_examples=120, **SHARED)
@given(
    where=st.sampled_from(FIELDS),
    value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    repeat=st.sampled_from([1, 1, 900]),
    broken=st.booleans(),
)
def test_no_refusal_ever_repeats_a_submitted_value(
    land: World, where: tuple[str, Field], value: str, repeat: int, *, broken: bool
) -> None:
    """000-R20: message, items, problem and fact, whichever field the value stands in."""
    contract, field = where
    planted = "ZQ" + value * repeat
    record = planted_in(contract, field, planted)
    if broken:
        record[CONTRACTS[contract].event_id[0]] = []
    before = land.rows("SELECT coalesce(max(seq), 0) FROM ops.fact")[0][0]
    try:
        land.submit(record, {planted: 1}, tenant="north", contract=contract)
    except OpsError as error:
        seen = told(error) + "".join(
            body for (body,) in land.rows("SELECT body FROM ops.fact WHERE seq > %s", before)
        )
    assert planted not in seen
    assert orjson.dumps(planted).decode()[1:-1] not in seen


@pytest.mark.parametrize("values", [("1.5", "1.50"), (1.5, "1.5"), (2, "2.00"), (0.1, "0.10")])
def test_spellings_of_one_amount_are_one_payload(land: World, tenant: str, values) -> None:
    """Design 4: the payload is hashed in its normal form."""
    for value, decision in zip(values, ("ADMIT", "DUPLICATE"), strict=True):
        order = an_order(1, labor_lines=[{"line_number": 1, "actual_hours": value}])
        for total in ("total_labor", "total_parts", "grand_total"):
            del order[total]
        told_now = orjson.loads(land.submit(order, tenant=tenant).body)
        assert told_now["records"][0]["decision"] == decision


def test_null_says_the_same_as_absent(land: World, tenant: str) -> None:
    absent = an_order(1)
    absent.pop("advisor_id")
    null = {**absent, "advisor_id": None, "loaner": None, "qc_notes": None}
    null["labor_lines"] = [{**absent["labor_lines"][0], "cause": None}]
    assert land.submit(absent, tenant=tenant).admitted == 1
    assert land.submit(null, tenant=tenant).duplicates == 1


def test_a_required_field_may_not_be_null(land: World, tenant: str) -> None:
    with pytest.raises(errors.RecordsRefused) as refused:
        land.submit({**an_order(1), "vin": None}, tenant=tenant)
    assert [(i.pointer, i.code) for i in refused.value.items] == [("/vin", "type_text")]
