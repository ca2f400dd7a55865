"""The conformance suite of CloudEvents, and the vectors of an SDK: read or refused as they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from local.stack.home import PROJECT
from shared.ingest import cloudevents
from shared.ingest.cloudevents import data_of
from shared.kernel.errors import Item

FOLDER = PROJECT.parent / "shared" / "data" / "bad_cloudevents" / "dev"
RECORD = {"odi_number": 1}
DATA = {cloudevents.DATA_MISSING, cloudevents.NOT_JSON}
"""What the gate refuses although the event is one: there is no record in it."""


def parse(raw: bytes) -> tuple[Any, Item | None]:
    return orjson.loads(raw), None


def codes(event: object) -> list[tuple[str, str]]:
    return [(item.pointer, item.code) for item in data_of(event, parse)[1]]


def vectors(file: str, unwrap: Callable[[Any], dict[str, Any]]) -> list[Any]:
    """The cases of a file of the conformance suite by name; one skipped case where it is not."""
    path = FOLDER / file
    if not path.is_file():
        why = "the public sample data are not there (../shared/data)"
        return [pytest.param({}, id="missing", marks=pytest.mark.skip(reason=why))]
    found = unwrap(orjson.loads(path.read_bytes()))
    return [pytest.param(event, id=name) for name, event in found.items()]


def singles(suite: dict[str, Any]) -> dict[str, Any]:
    return {test["id"]: test["event"] for test in suite["tests"]}


def batches(suite: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{test['id']}-{index}": event
        for test in suite["tests"]
        for index, event in enumerate(test["batch"])
    }


@pytest.mark.parametrize(
    "event",
    vectors("valid-events.json", singles) + vectors("valid-batches.json", batches),
)
def test_every_valid_event_of_the_conformance_suite_is_one(event: dict[str, Any]) -> None:
    """Those without JSON data carry no record; with data they are read."""
    assert {code for _, code in codes(event)} <= DATA
    event = {name: value for name, value in event.items() if name != "datacontenttype"}
    assert data_of({**event, "data": RECORD}, parse) == (RECORD, ())


INVALID = {
    "invalidNoSpecVersion": ("/specversion", cloudevents.MISSING),
    "invalidNoType": ("/type", cloudevents.MISSING),
    "invalidTimeGarbage": ("/time", cloudevents.TIME),
    "invalidTimeOffsetX": ("/time", cloudevents.TIME),
    "invalidTimeOffsetNonInteger": ("/time", cloudevents.TIME),
    "invalidEmptyId": ("/id", cloudevents.EMPTY),
    "invalidEmptySource": ("/source", cloudevents.EMPTY),
    "invalidUnknownSpecVersion": ("/specversion", cloudevents.VERSION),
    "invalidEmptyDataContentType": ("/datacontenttype", cloudevents.EMPTY),
    "invalidEmptySubject": ("/subject", cloudevents.EMPTY),
    "invalidObjectId": ("/id", cloudevents.TYPE),
    "invalidPunctuatedExtension": ("", cloudevents.NAME),
    "invalidBothDataAndDataBase64": ("/data_base64", cloudevents.DATA_TWICE),
}


@pytest.mark.parametrize("event", vectors("invalid-events_half.json", singles))
def test_every_invalid_event_of_the_conformance_suite_is_refused(
    event: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """For what is wrong with it, not for want of data."""
    if "data_base64" not in event:
        event = {**event, "data": RECORD}
    name = request.node.callspec.id
    assert codes(event) == [INVALID[name]]


SDK = {
    "base64_json_data": [],
    "base64_json_data_with_ext": [],
    "base64_text_data": [("/datacontenttype", cloudevents.NOT_JSON)],
    "base64_xml_data": [("/datacontenttype", cloudevents.NOT_JSON)],
    "binary_attr": [("/data", cloudevents.DATA_MISSING)],
    "fail_numeric_decimal": [
        ("/decimal", cloudevents.TYPE),
        ("/data", cloudevents.DATA_MISSING),
    ],
    "fail_numeric_long": [("/long", cloudevents.TYPE), ("/data", cloudevents.DATA_MISSING)],
    "json_data": [],
    "json_data_with_ext": [],
    "json_data_with_ext_invalid": [("", cloudevents.NAME)],
    # The SDK takes capitals; the specification says small letters.
    "json_data_with_ext_upper_case": [("", cloudevents.NAME)] * 3,
    "json_data_with_fractional_time": [],
    "min": [("/data", cloudevents.DATA_MISSING)],
    "min_subject_null": [("/data", cloudevents.DATA_MISSING)],
    "numeric_ext": [("/data", cloudevents.DATA_MISSING)],
    "text_data": [("/datacontenttype", cloudevents.NOT_JSON)],
    "xml_data": [("/datacontenttype", cloudevents.NOT_JSON)],
}


@pytest.mark.parametrize("name", SDK)
def test_the_vectors_of_an_sdk_are_read_as_the_specification_says(name: str) -> None:
    path = FOLDER / "sdk-java-v1" / f"{name}.json"
    if not path.is_file():
        pytest.skip("the public sample data are not there (../shared/data)")
    assert codes(orjson.loads(path.read_bytes())) == SDK[name]
