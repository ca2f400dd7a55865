"""Quarantine, platform runs and receipt look-ups over HTTP: one happy path, and the refusals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from functions._openapi import document
from local.environment import OPERATOR_AUDIENCE, OWNER
from tests.support.factories import PLANTED, a_transaction, an_order
from tests.support.fix_plane import Plane
from tests.support.held import bad, leaking

if TYPE_CHECKING:
    import requests

NOWHERE = "0" * 32
SPEC = orjson.loads(document())


@pytest.fixture(scope="module")
def owner(plane: Plane) -> str:
    return plane.environment.issuer.mint(OWNER, OPERATOR_AUDIENCE, human=True)


def ask(
    plane: Plane,
    token: str,
    method: str,
    path: str,
    body: object = None,
    *,
    tenant: str | None = "north",
    **headers: str | None,
) -> requests.Response:
    """A request of an operator; a header that is None is left out."""
    sent = plane.headers(tenant, Authorization=f"Bearer {token}")
    for name, value in headers.items():
        if value is None:
            sent.pop(name.replace("_", "-"), None)
        else:
            sent[name.replace("_", "-")] = value
    data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    answer = plane.session.request(
        method, plane.url + path, data=data or None, headers=sent, timeout=30
    )
    conforms(method, path.partition("?")[0], answer)
    return answer


def conforms(method: str, path: str, answer: requests.Response) -> None:
    """What is answered is as the OpenAPI document describes it."""
    [described] = [
        item[method.lower()]["responses"][str(answer.status_code)]
        for template, item in SPEC["paths"].items()
        if method.lower() in item and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    ]
    media_type = answer.headers["Content-Type"].partition(";")[0]
    schema = {**described["content"][media_type]["schema"], "components": SPEC["components"]}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(answer.json())


def test_a_held_record_is_listed_refused_and_discarded(plane: Plane, owner: str) -> None:
    answer = plane.post(an_order(1), bad(2), Prefer="handling=lenient")
    assert (answer.status_code, answer.json()["quarantined"]) == (201, 1)
    [receipt_id] = [
        r["receipt_id"] for r in answer.json()["records"] if r["decision"] == "QUARANTINE"
    ]

    listed = ask(plane, owner, "GET", "/v1/quarantine?contract=repair-order.v2&limit=5")
    assert receipt_id in {record["receipt_id"] for record in listed.json()["records"]}
    shown = ask(plane, owner, "GET", f"/v1/quarantine/{receipt_id}").json()
    assert shown["reasons"] == [{"pointer": "/ro_status", "code": "not_one_of"}]
    assert (shown["state"], shown["index"]) == ("held", 1)

    refused = ask(
        plane, owner, "POST", f"/v1/quarantine/{receipt_id}/release", {"reason": "contract_fixed"}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "ingest.records_refused")
    assert [e["pointer"] for e in refused.json()["errors"]] == ["/ro_status"]

    path = f"/v1/quarantine/{receipt_id}/discard"
    done, again = (ask(plane, owner, "POST", path, {"reason": "superseded"}) for _ in range(2))
    assert (done.status_code, done.json()["changed"], again.json()["changed"]) == (200, True, False)
    assert done.json()["record"]["state"] == "discarded"
    settled = ask(
        plane, owner, "POST", f"/v1/quarantine/{receipt_id}/release", {"reason": "contract_fixed"}
    )
    assert (settled.status_code, settled.json()["code"]) == (409, "ingest.quarantine_settled")
    said = listed.text + refused.text + done.text + settled.text
    assert not any(planted in said for planted in (*PLANTED, "exploded"))

    receipt = ask(plane, plane.token, "GET", f"/v1/receipts/{receipt_id}").json()
    assert receipt["decision"] == "QUARANTINE"


def test_a_released_record_has_a_receipt_that_names_its_quarantine(
    plane: Plane, owner: str
) -> None:
    sent = plane.post(leaking(60), an_order(60), Prefer="handling=lenient").json()["records"]
    receipt_id = sent[1]["receipt_id"]
    path = f"/v1/quarantine/{receipt_id}/release"
    done, again = (ask(plane, owner, "POST", path, {"reason": "contract_fixed"}) for _ in range(2))
    assert (done.json()["changed"], again.json()["changed"]) == (True, False)
    released_as = done.json()["record"]["released_as"]
    receipt = ask(plane, plane.token, "GET", f"/v1/receipts/{released_as}").json()
    assert receipt["evidence_refs"] == [{"ref_type": "QUARANTINE", "ref_id": receipt_id}]


def test_a_run_is_opened_once_used_and_closed(plane: Plane, owner: str) -> None:
    opened, again = (
        ask(plane, owner, "POST", "/v1/runs", Idempotency_Key="night", Content_Length="0")
        for _ in range(2)
    )
    assert (opened.status_code, again.status_code) == (201, 200)
    run_id = opened.json()["run"]["run_id"]
    assert again.json()["run"]["run_id"] == run_id
    assert opened.json()["segments"][0]["policy_rev"] == plane.services.policy.shipped

    answer = plane.post(a_transaction(1), contract="transaction.v1", Ops_Run=run_id)
    receipt_id = answer.json()["records"][0]["receipt_id"]
    assert plane.get(f"/v1/receipts/{receipt_id}").json()["platform_run_id"] == run_id

    closed = ask(plane, owner, "POST", f"/v1/runs/{run_id}/close", {"outcome": "ended"})
    assert (closed.status_code, closed.json()["run"]["state"]) == (200, "closed")
    late = plane.post(a_transaction(2), contract="transaction.v1", Ops_Run=run_id)
    assert (late.status_code, late.json()["code"]) == (409, "ingest.run_closed")
    shown = ask(plane, owner, "GET", f"/v1/runs/{run_id}").json()
    assert shown["run"]["outcome"] == "ended"
    runs = ask(plane, owner, "GET", "/v1/runs").json()["runs"]
    assert {run["state"] for run in runs} == {"open", "closed"}
    [standing] = [run["run_id"] for run in runs if run["standing"]]
    stands = ask(plane, owner, "POST", f"/v1/runs/{standing}/close", {"outcome": "ended"})
    assert (stands.status_code, stands.json()["code"]) == (409, "ingest.run_stands")


def search(plane: Plane, body: object, **more: Any) -> requests.Response:
    return ask(plane, plane.token, "POST", "/v1/receipts/search", body, **more)


def test_receipts_are_found_by_event_and_by_payload(plane: Plane) -> None:
    sent = plane.post(an_order(50)).json()["records"][0]["receipt_id"]
    wanted = {"contract": "repair-order.v2", "event_id": ["RO-000050"]}
    found = search(plane, wanted)
    assert found.status_code == 200
    [receipt] = found.json()["receipts"]
    assert receipt["receipt_id"] == sent
    again = search(plane, {"payload_hash": receipt["payload_hash"]["hex"]})
    assert again.json() == found.json()
    assert search(plane, {**wanted, "event_id": ["RO-999999"]}).json() == {"receipts": []}


POST_REASON = {"reason": "superseded"}
REFUSALS: list[tuple[str, str, object, dict[str, Any], int, str]] = [
    ("GET", "/v1/quarantine?state=lost", None, {}, 422, "ops.command_unfit"),
    ("GET", "/v1/quarantine?limit=0", None, {}, 422, "ops.command_unfit"),
    ("GET", "/v1/quarantine?colour=red", None, {}, 422, "ops.command_unfit"),
    ("GET", "/v1/quarantine", None, {"tenant": None}, 422, "ingest.tenant_missing"),
    ("GET", "/v1/quarantine", None, {"tenant": "tnt_" + "0" * 26}, 404, "ingest.tenant_unknown"),
    ("GET", "/v1/quarantine/x", None, {}, 404, "ingest.quarantine_missing"),
    ("GET", f"/v1/quarantine/{NOWHERE}", None, {}, 404, "ingest.quarantine_missing"),
    (
        "POST",
        f"/v1/quarantine/{NOWHERE}/discard",
        POST_REASON,
        {},
        404,
        "ingest.quarantine_missing",
    ),
    ("POST", f"/v1/quarantine/{NOWHERE}/discard", {}, {}, 422, "ops.command_unfit"),
    (
        "POST",
        f"/v1/quarantine/{NOWHERE}/discard",
        b"{",
        {},
        400,
        "ops.command_unreadable",
    ),
    (
        "POST",
        f"/v1/quarantine/{NOWHERE}/discard",
        b'{"reason":"superseded","reason":"test_data"}',
        {},
        400,
        "ops.command_unreadable",
    ),
    (
        "POST",
        f"/v1/quarantine/{NOWHERE}/release",
        POST_REASON,
        {"Content_Type": "text/plain"},
        415,
        "ops.media_type_unsupported",
    ),
    ("POST", "/v1/runs", {"name": "x"}, {"Idempotency_Key": "a"}, 422, "ops.command_unfit"),
    ("POST", "/v1/runs", {}, {}, 422, "ingest.run_key_missing"),
    (
        "POST",
        "/v1/runs",
        {},
        {"Idempotency_Key": "a", "Ops_Policy_Rev": None},
        422,
        "ingest.policy_rev_missing",
    ),
    (
        "POST",
        "/v1/runs",
        {},
        {"Idempotency_Key": "a", "Ops_Policy_Rev": "0" * 64},
        409,
        "ingest.policy_rev_differs",
    ),
    ("GET", "/v1/runs/run_x", None, {}, 404, "ingest.run_unknown"),
    ("POST", "/v1/runs/run_x/close", {"outcome": "lost"}, {}, 404, "ingest.run_unknown"),
    (
        "POST",
        f"/v1/runs/run_{'0' * 26}/close",
        {"outcome": "lost"},
        {},
        422,
        "ops.command_unfit",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "changes", "status", "code"), REFUSALS)
def test_an_operator_is_refused_with_a_stable_code(
    plane: Plane,
    owner: str,
    method: str,
    path: str,
    body: object,
    changes: dict[str, Any],
    status: int,
    code: str,
) -> None:
    answer = ask(plane, owner, method, path, body, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


EVENT = {"contract": "repair-order.v2", "event_id": ["RO-000001"]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "ops.command_unfit"),
        ({"contract": "repair-order.v2"}, 422, "ops.command_unfit"),
        ({**EVENT, "payload_hash": "0" * 64}, 422, "ops.command_unfit"),
        ({"payload_hash": "xyz"}, 422, "ops.command_unfit"),
        ({"payload_hash": "0" * 64, "run_id": "x"}, 422, "ops.command_unfit"),
        ({**EVENT, "Quastenflosser": 1}, 422, "ops.command_unfit"),
        ({**EVENT, "contract": "recipe.v1"}, 404, "ingest.contract_unknown"),
        ({**EVENT, "event_id": ["Quastenflosser !"]}, 422, "ingest.event_id_unfit"),
        ({**EVENT, "event_id": ["RO-1", "Quastenflosser"]}, 422, "ingest.event_id_unfit"),
    ],
)
def test_a_search_is_refused_without_an_echo(
    plane: Plane, body: object, status: int, code: str
) -> None:
    answer = search(plane, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "Quastenflosser" not in answer.text


def test_producers_settle_nothing_and_operators_do_not_search_here(
    plane: Plane, owner: str
) -> None:
    """Two audiences: a token for the one opens nothing of the other."""
    answers = [
        ask(plane, plane.token, "GET", "/v1/quarantine"),
        ask(plane, plane.token, "POST", "/v1/runs", {}, Idempotency_Key="k"),
        ask(plane, owner, "POST", "/v1/receipts/search", EVENT),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (401, "identity.audience_invalid")
    ] * 3
    assert search(plane, EVENT, tenant="tnt_" + "0" * 26).json()["code"] == "ingest.tenant_unknown"
