"""CloudEvents through the gate: an envelope changes how a record travels and nothing else."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from shared.ingest.body import BATCHED, STRUCTURED
from shared.ingest.errors import BodyUnreadable, RecordsRefused
from tests.support.factories import PLANTED, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import census, changed, told


def an_event(record: object, **changes: Any) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": "e-1", "source": "/shop", "type": "ro.opened"}
    return {**event, "data": record, **changes}


def encoded(record: object) -> dict[str, Any]:
    event = an_event(None)
    del event["data"]
    return {**event, "data_base64": base64.b64encode(orjson.dumps(record)).decode()}


def send(world: World, tenant: str, body: object, media_type: str) -> list[dict[str, Any]]:
    answer = world.submit(tenant=tenant, body=orjson.dumps(body), media_type=media_type)
    records: list[dict[str, Any]] = orjson.loads(answer.body)["records"]
    return records


def test_a_record_is_the_same_in_every_wrapping(land: World, tenant: str) -> None:
    """By event, not by envelope: another id, source or time of the envelope makes no new event."""
    order = an_order(1)
    (first,) = send(land, tenant, an_event(order, id="a", time="2026-11-20T08:15:00Z"), STRUCTURED)
    assert first["decision"] == "ADMIT"
    for body, media_type in (
        (order, "application/json"),
        (encoded(order), STRUCTURED),
        ([an_event(order, id="b", source="urn:x:y")], BATCHED),
    ):
        (again,) = send(land, tenant, body, media_type)
        assert (again["decision"], again["receipt_id"]) == ("DUPLICATE", first["receipt_id"])


def test_a_batch_is_one_request_and_may_be_empty(land: World, tenant: str) -> None:
    found = send(land, tenant, [an_event(an_order(1)), encoded(an_order(2))], BATCHED)
    assert [record["decision"] for record in found] == ["ADMIT", "ADMIT"]
    assert send(land, tenant, [], BATCHED) == []


def test_nothing_of_an_envelope_is_kept(land: World, tenant: str) -> None:
    """000-B: attributes have no class, and a subject may name somebody."""
    planted = "Zacharine Envelopewitz"
    send(land, tenant, an_event(an_order(1), subject=planted, owner=planted), STRUCTURED)
    kept = land.rows(
        "SELECT r::text, a::text FROM ops.record r JOIN ops.admission a USING (receipt_id)"
        " WHERE r.tenant_id = %s",
        land.tenants[tenant],
    )
    assert kept
    assert "Envelopewitz" not in str(kept)
    assert not [name for name in PLANTED if name in str(kept)]


def test_a_broken_envelope_refuses_the_request_and_names_its_place(
    land: World, tenant: str
) -> None:
    before = census(land)
    events = [an_event(an_order(1)), an_event(an_order(2), id="", time="today"), "x"]
    with pytest.raises(BodyUnreadable) as refused:
        send(land, tenant, events, BATCHED)
    assert [(item.pointer, item.code) for item in refused.value.items] == [
        ("/1/id", "cloudevent_attribute_empty"),
        ("/1/time", "cloudevent_time"),
        ("/2", "cloudevent_not_an_object"),
    ]
    assert changed(before, census(land)) == {"fact": 1, "fact_key": 1}
    assert not [name for name in PLANTED if name in told(refused.value)]


def test_what_the_contract_finds_wrong_is_pointed_at_inside_the_data(
    land: World, tenant: str
) -> None:
    bad = {**an_order(1), "odometer_in": -1}
    with pytest.raises(RecordsRefused) as refused:
        send(land, tenant, an_event(bad), STRUCTURED)
    assert [item.pointer for item in refused.value.items] == ["/data/odometer_in"]
    with pytest.raises(RecordsRefused) as refused:
        send(land, tenant, [an_event(an_order(2)), an_event(bad)], BATCHED)
    assert [item.pointer for item in refused.value.items] == ["/1/data/odometer_in"]
    with pytest.raises(RecordsRefused) as refused:
        send(land, tenant, encoded(bad), STRUCTURED)
    assert [item.pointer for item in refused.value.items] == ["/data_base64/odometer_in"]


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        (b'{"ro_number":"1","ro_number":"2"}', "duplicate_name"),
        (b'{"ro_number":"\\u0000"}', "nul"),
        (b"[" * 70 + b"]" * 70, "json_too_deep"),
        (b"{", "json_unreadable"),
        (b"\xff\xfe", "json_unreadable"),
    ],
)
def test_encoded_data_is_read_as_strictly_as_a_body(
    land: World, tenant: str, inside: bytes, code: str
) -> None:
    event = {**encoded({}), "data_base64": base64.b64encode(inside).decode()}
    with pytest.raises(BodyUnreadable) as refused:
        send(land, tenant, event, STRUCTURED)
    assert [(item.pointer, item.code) for item in refused.value.items] == [("/data_base64", code)]
