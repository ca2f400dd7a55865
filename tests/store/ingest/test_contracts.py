"""Findings and transactions through the gate: what is new, what is known, what is personal."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from shared.ingest.errors import PayloadDiffers, RecordsRefused
from tests.support.factories import RECORDS, a_finding, a_transaction, an_old_finding
from tests.support.fix_db import World

PLANTED = {
    "finding.v1": ("Ottokarine", "Blaufelchen", "o.blaufelchen@mail.example", "203.0.113.77"),
    "transaction.v1": (
        *("Balthasine", "Dreizackel", "b.dreizackel@mail.example", "555-0168", "2065550168"),
        *("203.0.113.168", "4712 Nebelhorn Lane"),
    ),
}


def send(world: World, tenant: str, contract: str, *records: dict[str, Any]) -> list[str]:
    answer = world.submit(*records, tenant=tenant, contract=contract)
    return [record["decision"] for record in orjson.loads(answer.body)["records"]]


@pytest.mark.parametrize("contract", RECORDS)
def test_the_factory_of_a_contract_makes_records_that_are_admitted_once(
    land: World, tenant: str, contract: str
) -> None:
    records = [RECORDS[contract](number) for number in (1, 2)]
    assert send(land, tenant, contract, *records) == ["ADMIT", "ADMIT"]
    assert send(land, tenant, contract, *records) == ["DUPLICATE", "DUPLICATE"]


@pytest.mark.parametrize("contract", PLANTED)
def test_people_are_in_the_vault_and_nowhere_else(land: World, tenant: str, contract: str) -> None:
    """000-B: whom a check or a payment concerns; the free text names them, too."""
    record = RECORDS[contract](1)
    for name, value in list(record.items()):
        if name in ("memo", "details"):
            record[name] = value + " Seen: " + ", ".join(PLANTED[contract])
    assert send(land, tenant, contract, record) == ["ADMIT"]
    ((kept,),) = land.rows(
        "SELECT (r.deterministic::text || r.semantic::text || a::text) FROM ops.record r"
        " JOIN ops.admission a USING (receipt_id) WHERE r.tenant_id = %s",
        land.tenants[tenant],
    )
    assert not [planted for planted in PLANTED[contract] if planted in kept]


def test_a_scan_that_is_delivered_again_counts_once(land: World, tenant: str) -> None:
    """A later delivery of the same scan may have lost checks, or have gained some."""
    scan = [a_finding(number) for number in (1, 2, 3)]
    assert send(land, tenant, "finding.v1", *scan) == ["ADMIT"] * 3
    assert send(land, tenant, "finding.v1", *scan[1:]) == ["DUPLICATE"] * 2
    assert send(land, tenant, "finding.v1", scan[0], a_finding(4)) == ["DUPLICATE", "ADMIT"]


@pytest.mark.parametrize(
    "change",
    [
        {"tool": "Maester"},
        {"scan_id": "2026-11-21T08:15:00Z"},
        {"target": "south.onmicrosoft.example"},
        {"check_id": "MS.AAD.1v2"},
        {"check_variant": "CSP: Wildcard Directive (MEDIUM)"},
    ],
)
def test_another_tool_scan_target_check_or_variant_is_another_observation(
    land: World, tenant: str, change: dict[str, str]
) -> None:
    found = [a_finding(1), a_finding(1, **change)]
    assert send(land, tenant, "finding.v1", *found) == ["ADMIT", "ADMIT"]


def test_one_observation_by_an_old_and_a_new_writer_is_no_second_event(
    land: World, tenant: str
) -> None:
    """D19: the same identity in both versions, so that nothing is counted twice."""
    assert send(land, tenant, "finding.v0", an_old_finding(1)) == ["ADMIT"]
    with pytest.raises(PayloadDiffers):
        send(land, tenant, "finding.v1", a_finding(1))


def test_an_old_writer_has_no_life_cycle_and_a_new_one_must(land: World, tenant: str) -> None:
    with pytest.raises(RecordsRefused) as refused:
        send(land, tenant, "finding.v0", an_old_finding(1, recurrence_key="x"))
    assert [(i.pointer, i.code) for i in refused.value.items] == [
        ("/recurrence_key", "field_unknown")
    ]
    with pytest.raises(RecordsRefused) as refused:
        send(land, tenant, "finding.v1", an_old_finding(1))
    assert [(i.pointer, i.code) for i in refused.value.items] == [
        ("/recurrence_key", "field_required")
    ]


@pytest.mark.parametrize("token", ["4111111111111111", "DE89370400440532013000", "4111-1111"])
@pytest.mark.parametrize("field", ["account_token", "card_token", "device_token"])
def test_a_number_of_a_card_or_an_account_is_no_token(
    land: World, tenant: str, field: str, token: str
) -> None:
    with pytest.raises(RecordsRefused) as refused:
        send(land, tenant, "transaction.v1", a_transaction(1, **{field: token}))
    assert [(i.pointer, i.code) for i in refused.value.items] == [(f"/{field}", "pattern")]


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"amount": "107.46"}, []),  # to a cent
        ({"amount": "107.47"}, ["sum_differs"]),
        ({"discount_amount": "7.45", "amount": "100.00"}, []),
        ({"amount": "-1.00"}, ["below_minimum"]),
        ({"amount": "1.005"}, ["scale"]),
        ({"currency": "usd"}, ["pattern"]),
        ({"merchant_category_code": "573"}, ["pattern"]),
    ],
)
def test_an_amount_is_checked_to_the_cent(
    land: World, tenant: str, change: dict[str, str], codes: list[str]
) -> None:
    record = a_transaction(1, **change)
    if not codes:
        assert send(land, tenant, "transaction.v1", record) == ["ADMIT"]
        return
    with pytest.raises(RecordsRefused) as refused:
        send(land, tenant, "transaction.v1", record)
    assert [item.code for item in refused.value.items] == codes
