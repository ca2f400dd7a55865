"""CloudEvents as the description tells them: what it accepts, the gate takes."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from functions._openapi import document
from shared.ingest.body import BATCHED, STRUCTURED, read
from shared.ingest.cloudevents import data_of
from shared.ingest.contracts import shipped
from tests.support.factories import a_complaint

SPEC = json.loads(document())
GOOD: dict[str, Any] = {"specversion": "1.0", "id": "1", "type": "a.b", "source": "/x"}
GOOD |= {"data": a_complaint()}


def body_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SPEC["paths"][f"/v1/ingest/{name}"]["post"]["requestBody"]["content"]
    return found


def accepts(schema: dict[str, Any], value: object) -> bool:
    return Draft202012Validator({**schema, "components": SPEC["components"]}).is_valid(value)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_examples_of_a_contract_hold_records_that_are_read(name: str) -> None:
    content = body_of(name)
    for media_type in (STRUCTURED, BATCHED):
        shown = content[media_type]["example"]
        assert accepts(content[media_type]["schema"], shown)
        (unit,) = read(media_type, orjson.dumps(shown), 10)
        assert unit.problems == ()
        assert accepts({"$ref": f"#/components/schemas/{name}"}, unit.record)


CASES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"subject": None, "time": None, "data_base64": None, "x": None}, True),
    ({"x": "", "y1": True, "z": -(2**31), "w": 2**31 - 1}, True),
    ({"datacontenttype": "application/json; charset=utf-8"}, True),
    ({"datacontenttype": "text/JSON"}, True),
    ({"datacontenttype": "application/vnd.x+json"}, True),
    ({"datacontenttype": "application/jsonl"}, False),
    ({"datacontenttype": "text/plain"}, False),
    ({"datacontenttype": ""}, False),
    ({"specversion": "1.1"}, False),
    ({"specversion": None}, False),
    ({"id": ""}, False),
    ({"id": 1}, False),
    ({"subject": ""}, False),
    ({"Upper": "x"}, False),
    ({"my_extension": "x"}, False),
    ({"x": 1.5}, False),
    ({"x": 2**31}, False),
    ({"x": {}}, False),
    ({"data_base64": "e30="}, False),
    ({"data_base64": 5}, False),
]


@pytest.mark.parametrize(("changes", "good"), CASES)
def test_an_envelope_is_judged_alike_by_the_schema_and_the_gate(
    changes: dict[str, Any], good: bool
) -> None:
    """As far as JSON Schema can say it; formats and encodings are the gate's."""
    event = {**GOOD, **changes}
    content = body_of("vehicle-complaint.v1")
    assert accepts(content[STRUCTURED]["schema"], event) is good
    assert accepts(content[BATCHED]["schema"], [GOOD, event]) is good
    assert (data_of(event, lambda raw: (orjson.loads(raw), None))[1] == ()) is good


def test_the_record_inside_is_described_by_its_contract() -> None:
    schema = body_of("vehicle-complaint.v1")[STRUCTURED]["schema"]
    assert not accepts(schema, {**GOOD, "data": {**a_complaint(), "make": 5}})
    assert not accepts(schema, {name: value for name, value in GOOD.items() if name != "data"})
    encoded = {**GOOD, "data_base64": "e30="}
    del encoded["data"]
    assert accepts(schema, encoded)
