"""The description of the interface: valid, complete, and true of what is answered."""

from __future__ import annotations

import copy
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

import function_app
from functions._openapi import VERSION, document
from functions._served import routes
from shared.bootstrap import Ports, build, install
from shared.ingest.contracts import shipped
from shared.ingest.schema import example
from shared.ingest.shape import Shape
from shared.kernel.canonical import content_address
from tests.support.factories import a_complaint, an_order
from tests.support.fix_db import PRODUCER, World, settings_for

PROJECT = Path(__file__).resolve().parents[2]
SPEC = json.loads(document())
KEY = "an-invented-key-of-more-than-32-characters"

type Change = Callable[[dict[str, Any]], object]


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator for a schema of the document, whose references stay inside the document."""
    whole = {**schema, "components": SPEC["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in SPEC["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


class TestDocument:
    def test_it_is_openapi_3_1(self) -> None:
        assert [error.message for error in OpenAPIV31SpecValidator(SPEC).iter_errors()] == []

    def test_every_schema_is_json_schema(self) -> None:
        for schema in SPEC["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)

    def test_it_describes_every_route_and_no_other(self) -> None:
        declared = {(f.path, m.lower()) for f in routes() for m in f.methods}
        told = {(op["x-ops-route"], method) for _, method, op in operations()}
        assert told == declared
        ingest = {path for path, _, op in operations() if "{contract}" in op["x-ops-route"]}
        assert ingest == {f"/v1/ingest/{name}" for name in shipped()}

    def test_paths_are_as_the_host_serves_them(self) -> None:
        host = json.loads((PROJECT / "host.json").read_text())
        assert host["extensions"]["http"]["routePrefix"] == ""

    def test_every_operation_has_a_name_of_its_own_and_its_permission(self) -> None:
        names = [operation["operationId"] for _, _, operation in operations()]
        assert len(names) == len(set(names))
        for _, _, operation in operations():
            public = operation["x-ops-permission"] == "public"
            assert bool(operation["security"]) is not public

    def test_its_version_is_the_projects(self) -> None:
        project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
        assert project["project"]["version"] == VERSION

    def test_every_problem_example_fits_its_own_response(self) -> None:
        for _, _, operation in operations():
            for response in operation["responses"].values():
                problem = response["content"].get("application/problem+json")
                for shown in (problem or {"examples": {}})["examples"].values():
                    validator(problem["schema"]).validate(shown["value"])

    def test_it_holds_no_place_and_no_time(self) -> None:
        text = document().decode()
        assert "/root" not in text
        assert "localhost" not in text
        assert json.loads(text)["openapi"] == "3.1.0"


# --- what the schemas accept is what the gate accepts -------------------------------------------


def put(**values: Any) -> Change:
    return lambda record: record.update(values)


def drop(*names: str) -> Change:
    return lambda record: [record.pop(name) for name in names]


def line(**values: Any) -> Change:
    return lambda record: record["labor_lines"][0].update(values)


def part(**values: Any) -> Change:
    return lambda record: record["labor_lines"][0]["part_lines"][0].update(values)


ORDERS: dict[str, tuple[Change, bool]] = {
    "as it is": (put(), True),
    "with an unknown field": (put(colour="red"), False),
    "with an unknown field in a line": (line(colour="red"), False),
    "without a required field": (drop("vin"), False),
    "without a list": (drop("labor_lines"), False),
    "with an empty list": (put(labor_lines=[]), False),
    "with a list of texts": (put(labor_lines=["x"]), False),
    "with an empty list of parts": (line(part_lines=[]), True),
    "with too many lines": (put(labor_lines=[{"line_number": 1}] * 201), False),
    "with as many lines as fit": (put(labor_lines=[{"line_number": 1}] * 200), True),
    "with null for an optional text": (put(advisor_id=None), True),
    "with null for an optional enum": (put(customer_type=None), True),
    "with null for an optional decimal": (put(total_tax=None), True),
    "with null for an optional list": (line(part_lines=None), True),
    "with null for an optional date": (put(vehicle_produced_on=None), True),
    "with null for a required text": (put(customer_complaint=None), False),
    "with null for a required enum": (put(ro_status=None), False),
    "with a number for a text": (put(ro_number=17), False),
    "with an empty required text": (put(ro_number=""), False),
    "with an empty optional text": (put(vehicle_make=""), True),
    "with a text at its length": (put(customer_first_name="é" * 100), True),
    "with a text beyond its length": (put(customer_first_name="é" * 101), False),
    "with a text below its length": (put(vin="1M8GDM9AXK"), False),
    "with a text out of its pattern": (put(ro_number="/17"), False),
    "with a text in its pattern but for one sign": (put(ro_number="17 "), False),
    "with a known value": (put(ro_status="closed"), True),
    "with an unknown value": (put(ro_status="Closed"), False),
    "with an integer at its bound": (put(odometer_in=0, vehicle_year=2100), True),
    "with an integer below its bound": (put(odometer_in=-1), False),
    "with an integer above its bound": (put(vehicle_year=2101), False),
    "with an integer as text": (put(odometer_in="17"), False),
    "with a boolean for an integer": (put(odometer_in=True), False),
    "with an integer for a boolean": (put(waiter=1), False),
    "with a boolean as text": (put(waiter="true"), False),
    "with a decimal as text": (line(rate="120.00"), True),
    "with a decimal as a number": (line(rate=120.5), True),
    "with a decimal as an integer": (line(rate=120), True),
    "with zeros beyond its scale": (line(rate="120.5000"), True),
    "with digits beyond its scale": (line(rate="120.505"), False),
    "with a decimal that ends in its point": (line(rate="120."), False),
    "with a decimal that begins with its point": (line(rate=".5"), False),
    "with a decimal of sixteen digits": (line(rate="1234567890123456"), False),
    "with a decimal of sixteen digits as a number": (line(rate=1234567890123456), False),
    "with a leading zero": (line(rate="0120.00"), False),
    "with a plus sign": (line(rate="+120.00"), False),
    "with an exponent": (line(rate="1e2"), False),
    "with a negative amount": (line(rate="-1.00"), False),
    "with a negative nothing": (line(rate="-0.00"), True),
    "with a negative nothing as a number": (line(rate=-0.0), True),
    "with a little less than nothing": (line(rate="-0.01"), False),
    "with a negative number": (line(rate=-1), False),
    "with a boolean for a decimal": (line(rate=True), False),
    "with an empty decimal": (line(rate=""), False),
    "with an amount in a part": (part(unit_price="64.95"), True),
    "with an object for an amount": (part(unit_price={}), False),
    "with an instant in UTC": (put(opened_at="2026-11-20T08:15:00Z"), True),
    "with an instant with an offset": (put(opened_at="2026-11-20T08:15:00+05:30"), True),
    "with microseconds": (put(opened_at="2026-11-20T08:15:00.123456Z"), True),
    "with nanoseconds": (put(opened_at="2026-11-20T08:15:00.123456789Z"), False),
    "with an instant without an offset": (put(opened_at="2026-11-20T08:15:00"), False),
    "with a space in an instant": (put(opened_at="2026-11-20 08:15:00Z"), False),
    "with a day that is not there": (put(opened_at="2026-02-30T08:15:00Z"), False),
    "with an hour that is not there": (put(opened_at="2026-11-20T25:15:00Z"), False),
    "with a date": (put(vehicle_produced_on="2019-02-28"), True),
    "with a date that is not there": (put(vehicle_produced_on="2019-02-29"), False),
    "with a date and a time": (put(vehicle_produced_on="2019-02-28T00:00:00Z"), False),
    "with a short date": (put(vehicle_produced_on="2019-2-8"), False),
}


@pytest.mark.parametrize("case", ORDERS)
def test_a_schema_accepts_what_the_gate_accepts(case: str) -> None:
    change, good = ORDERS[case]
    order = copy.deepcopy(an_order())
    change(order)
    name = "repair-order.v2"
    schema = validator({"$ref": f"#/components/schemas/{name}"})

    assert schema.is_valid(order) is good
    assert (not Shape(shipped()[name]).check(order)[1]) is good


AWKWARD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 17, 1900, 2101, 10**9, 2**53 - 1, 2**53, 10**15 - 1, 10**15),
    *(-(10**15), 1.5, 0.25, -0.5, [], [[]], {}, [{}], [None]),
    *("", " ", "0", "-0", "-0.0", "00", "1", "1.5", "1.50", "1.505", "1.5000", "01", "+1", "1e3"),
    *("1.", ".1", "-1", "--1", "9" * 15, "9" * 16, "9" * 17, "٣", "NaN", "Infinity", "null"),
    *("A-17", "a b", "/x", "x/y", "é", "\n", "\t", "😀" * 11, "x" * 20_000, "x" * 20_001),
    *("open", "OPEN", "retail", "true"),
    *("2026-11-20", "2026-02-30", "2024-02-29", "0000-01-01", "9999-12-31", "20261120"),
    *("2026-11-20T08:15:00Z", "2026-11-20T08:15:00z", "2026-11-20t08:15:00Z"),
    *("2026-11-20T24:00:00Z", "2026-11-20T23:59:60Z", "2026-11-20T08:15Z", "2026-W47-5T08:15:00Z"),
    *("2026-11-20T08:15:00-00:00", "2026-11-20T08:15:00+24:00", "2026-11-20T08:15:00,5Z"),
    *("2026-11-20T08:15:00.1Z", "2026-11-20T08:15:00.1234567Z", "2026-11-20T08:15:00+0100"),
)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_field_takes_the_same_awkward_values_in_both(name: str) -> None:
    contract, good = shipped()[name], example(shipped()[name])
    shape = Shape(contract)
    differing = []
    for field in contract.fields:
        place = f"#/components/schemas/{name}/properties/{field}"
        schema = validator({"$ref": place})
        differing += [
            (field, value)
            for value in AWKWARD
            if schema.is_valid(value) is bool(shape.check({**good, field: value})[1])
        ]
    assert differing == []


@pytest.mark.parametrize("record", [[], "x", 17, None, {}])
def test_what_is_no_record_is_refused_by_both(record: object) -> None:
    for name, contract in shipped().items():
        assert not validator({"$ref": f"#/components/schemas/{name}"}).is_valid(record)
        assert Shape(contract).check(record)[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"odometer_in": 84210.0},
        {"total_tax": 20.125},
    ],
)
def test_the_gate_refuses_two_things_that_json_schema_cannot_tell(changes: dict[str, Any]) -> None:
    """``1.0`` is an integer to JSON Schema, and it cannot count the digits of a number."""
    order = an_order(**changes)
    assert validator({"$ref": "#/components/schemas/repair-order.v2"}).is_valid(order)
    assert Shape(shipped()["repair-order.v2"]).check(order)[1]


# --- what is answered is what is described ------------------------------------------------------


@pytest.fixture(scope="module")
def triggers() -> dict[str, Any]:
    app = function_app.app
    app.functions_bindings = None
    return {f.get_function_name(): f.get_user_function() for f in app.get_functions()}


@pytest.fixture
def api(world: World, tmp_path: Path) -> Iterator[World]:
    """The world, called over the edge with a static key."""
    variables = settings_for(
        world.stack,
        world.database,
        tmp_path,
        OPS_CREDENTIAL="api_key",
        OPS_API_KEYS=f"{content_address(KEY.encode())}={PRODUCER}",
        OPS_INGEST_MAX_BYTES="65536",
        OPS_INGEST_MAX_RECORDS="3",
    )
    ports = Ports(clock=world.clock, blobs=world.blobs, background=False)
    services = build(variables, ports)
    install(services)
    yield world
    install(None)
    services.close()


def call(
    api: World,
    triggers: dict[str, Any],
    function: str,
    method: str = "GET",
    body: bytes = b"",
    params: dict[str, str] | None = None,
    **headers: str | None,
) -> tuple[func.HttpResponse, dict[str, Any]]:
    """Call a trigger; return its answer and what the document says about it."""
    given: dict[str, str | None] = {
        "x-api-key": KEY,
        "ops-tenant": api.tenants["north"],
        "ops-policy-rev": api.services.policy.shipped,
        "content-type": "application/json",
        "content-length": str(len(body)) if method == "POST" else None,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    sent = {name: value for name, value in given.items() if value is not None}
    request = func.HttpRequest(
        method, "http://app/", headers=sent, route_params=params or {}, body=body
    )
    answer: func.HttpResponse = triggers[function](request)
    wanted = [
        operation
        for path, verb, operation in operations()
        if operation["x-ops-function"] == function
        and verb == method.lower()
        and path.endswith((params or {}).get("contract", ""))
    ]
    # A contract that does not exist is described by those that do.
    described = (wanted or [op for _, _, op in operations() if op["x-ops-function"] == function])[0]
    return answer, described


def conforms(answer: func.HttpResponse, operation: dict[str, Any]) -> Any:
    """Check status, headers and body against the operation; return the body."""
    described = operation["responses"][str(answer.status_code)]
    body = orjson.loads(answer.get_body())
    validator(described["content"][answer.mimetype]["schema"]).validate(body)
    for name, reference in described["headers"].items():
        header = SPEC["components"]["headers"][reference["$ref"].rpartition("/")[2]]
        if name in answer.headers:
            validator(header["schema"]).validate(answer.headers[name])
        else:
            assert not header.get("required"), name
    return body


REQUESTS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "no length": (411, "ops.length_required", {"content_length": None}),
    "too long": (413, "ops.oversized", {"body": b"x" * 65_537}),
    "another media type": (415, "ops.media_type_unsupported", {"content_type": "text/csv"}),
    "no JSON": (400, "ingest.body_unreadable", {"body": b"{"}),
    "no record": (
        400,
        "ingest.body_empty",
        {"body": b"\n", "content_type": "application/x-ndjson"},
    ),
    "too many records": (
        400,
        "ingest.too_many_records",
        {"body": b"{}\n" * 4, "content_type": "application/x-ndjson"},
    ),
    "no key": (401, "identity.credential_missing", {"x_api_key": None}),
    "a wrong key": (401, "identity.static_key_invalid", {"x_api_key": KEY[::-1]}),
    "no tenant": (422, "ingest.tenant_missing", {"ops_tenant": None}),
    "a foreign tenant": (404, "ingest.tenant_unknown", {"ops_tenant": "tnt_" + "0" * 26}),
    "no policy": (422, "ingest.policy_rev_missing", {"ops_policy_rev": None}),
    "another policy": (409, "ingest.policy_rev_differs", {"ops_policy_rev": "0" * 64}),
    "an empty key": (422, "ingest.idempotency_key_unfit", {"idempotency_key": ""}),
    "another handling": (422, "ingest.handling_unsupported", {"prefer": "handling=kind"}),
    "another contract": (
        404,
        "ingest.contract_unknown",
        {"params": {"contract": "recipe.v1"}},
    ),
    "a bad record": (422, "ingest.records_refused", {"body": b'{"vin": 1}'}),
}


def test_a_refusal_is_as_described(api: World, triggers: dict[str, Any]) -> None:
    for case, (status, code, changes) in REQUESTS.items():
        ask = {"body": orjson.dumps(an_order()), "params": {"contract": "repair-order.v2"}}
        answer, operation = call(api, triggers, "ingest_submit", "POST", **{**ask, **changes})
        body = conforms(answer, operation)
        assert (case, answer.status_code, body["code"]) == (case, status, code)


def test_a_success_is_as_described(api: World, triggers: dict[str, Any]) -> None:
    ask: dict[str, Any] = {
        "body": orjson.dumps(an_order()),
        "params": {"contract": "repair-order.v2"},
        "idempotency_key": "one",
    }
    first, operation = call(api, triggers, "ingest_submit", "POST", **ask)
    replayed, _ = call(api, triggers, "ingest_submit", "POST", **ask)
    again, _ = call(api, triggers, "ingest_submit", "POST", **{**ask, "idempotency_key": "two"})

    assert [a.status_code for a in (first, replayed, again)] == [201, 201, 200]
    assert replayed.headers["Idempotency-Replayed"] == "true"
    told = [conforms(answer, operation) for answer in (first, replayed, again)]
    [record] = told[0]["records"]

    ask = {"params": {"receipt_id": record["receipt_id"]}}
    answer, operation = call(api, triggers, "ingest_receipt", **ask)
    assert conforms(answer, operation)["receipt_id"] == record["receipt_id"]
    answer, operation = call(api, triggers, "ingest_receipt", params={"receipt_id": "0" * 32})
    assert conforms(answer, operation)["code"] == "ingest.receipt_missing"


@pytest.mark.parametrize("function", ["policy_active", "health_live", "health_ready", "openapi"])
def test_what_takes_no_record_answers_as_described(
    function: str, api: World, triggers: dict[str, Any]
) -> None:
    answer, operation = call(api, triggers, function)
    assert answer.status_code == 200
    conforms(answer, operation)


def test_what_is_answered_to_a_conflict_is_as_described(
    api: World, triggers: dict[str, Any]
) -> None:
    contract = {"params": {"contract": "vehicle-complaint.v1"}}
    call(api, triggers, "ingest_submit", "POST", orjson.dumps(a_complaint()), **contract)
    answer, operation = call(
        api, triggers, "ingest_submit", "POST", orjson.dumps(a_complaint(make="OTHER")), **contract
    )
    body = conforms(answer, operation)
    assert (answer.status_code, body["code"]) == (409, "ingest.payload_differs")
    assert [item["code"] for item in body["errors"]] == ["payload_hash_mismatch"]


def test_the_example_of_the_guide_is_admitted(api: World, triggers: dict[str, Any]) -> None:
    """docs/ingest.md: the record of the first curl command, as it stands."""
    guide = (PROJECT / "docs" / "ingest.md").read_text()
    contract, body = re.findall(r"/v1/ingest/([\w.-]+)\".*?-d '(.*?)'", guide, re.DOTALL)[0]
    answer, operation = call(
        api, triggers, "ingest_submit", "POST", body.encode(), params={"contract": contract}
    )
    shown = json.loads(re.findall(r"```json\n(.*?)```", guide, re.DOTALL)[0])
    assert conforms(answer, operation).keys() == shown.keys()
    assert answer.status_code == 201


def test_an_app_that_cannot_start_answers_as_described(triggers: dict[str, Any]) -> None:
    """No setting at all: every route says so, and none of them says which."""
    install(None)
    with pytest.MonkeyPatch.context() as empty:
        for name in [name for name in os.environ if name.startswith(("OPS_", "INGEST_"))]:
            empty.delenv(name)
        for found in routes():
            request = func.HttpRequest("GET", "http://app/", headers={}, body=b"")
            answer = triggers[found.function](request)
            [operation] = [o for _, _, o in operations() if o["x-ops-function"] == found.function][
                :1
            ]
            assert answer.status_code == 503
            assert conforms(answer, operation)["code"] == "ops.unavailable"


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_example_of_a_contract_is_admitted(
    name: str, api: World, triggers: dict[str, Any]
) -> None:
    """What a reader copies from the document works."""
    body = orjson.dumps(example(shipped()[name]))
    answer, operation = call(
        api, triggers, "ingest_submit", "POST", body, params={"contract": name}
    )
    assert answer.status_code == 201, answer.get_body()
    assert conforms(answer, operation)["admitted"] == 1
