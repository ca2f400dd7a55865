"""The edge over HTTP: a real host, a real verifier, real storage; one claim per test."""

from __future__ import annotations

import http.client
import json
import re
import time
from typing import Any

import orjson
import pytest
import requests

from local.environment import INGEST_AUDIENCE, INTAKE, OPERATOR_AUDIENCE, OWNER, PROJECT
from local.host import launch
from shared.kernel.db import Login
from tests.support.factories import PLANTED, an_order
from tests.support.fix_plane import Plane

REQUIRED = ("OPS_ENVIRONMENT", "OPS_DATABASE_URL", "AzureWebJobsStorage")


def code_of(response: Any) -> str:
    assert response.headers["Content-Type"].startswith("application/problem+json")
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"].endswith(problem["code"])
    return str(problem["code"])


def test_a_verified_producer_posts_an_order_and_gets_a_receipt(plane: Plane) -> None:
    """000-R11, 002-R6: the actor in the receipt is the token's object id."""
    answer = plane.post(an_order(1))

    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "handling=strict"
    [record] = answer.json()["records"]
    receipt = plane.get(f"/v1/receipts/{record['receipt_id']}").json()
    assert receipt["actor"]["actor_id"] == f"SYSTEM::{INTAKE}"
    assert receipt["decision"] == "ADMIT"
    assert receipt["provenance"]["environment"] == "local_parity"


def test_a_batch_is_ndjson_and_its_repeat_admits_nothing(plane: Plane) -> None:
    orders = [an_order(100 + i) for i in range(20)]
    first, again = plane.post(*orders), plane.post(*orders)

    assert (first.status_code, first.json()["admitted"]) == (201, 20)
    assert (again.status_code, again.json()["admitted"]) == (200, 0)
    assert [r["receipt_id"] for r in again.json()["records"]] == [
        r["receipt_id"] for r in first.json()["records"]
    ]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "identity.credential_missing"),
        ("Basic abc", "identity.credential_missing"),
        ("Bearer abc", "identity.token_malformed"),
    ],
)
def test_a_bad_credential_is_401_with_a_stable_code(
    plane: Plane, authorization: str | None, code: str
) -> None:
    headers = plane.headers()
    del headers["Authorization"]
    if authorization:
        headers["Authorization"] = authorization
    answer = plane.session.post(
        f"{plane.url}/v1/ingest/repair-order.v2", data=b"{}", headers=headers, timeout=10
    )
    assert (answer.status_code, code_of(answer)) == (401, code)
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_a_token_for_another_audience_is_refused(plane: Plane) -> None:
    """000-R11: the audience is INGEST_AAD_AUDIENCE and nothing else."""
    token = plane.environment.issuer.mint(INTAKE, OPERATOR_AUDIENCE)
    answer = plane.post(an_order(2), Authorization=f"Bearer {token}")
    assert (answer.status_code, code_of(answer)) == (401, "identity.audience_invalid")


def test_a_caller_who_is_not_on_the_allow_list_is_403(plane: Plane) -> None:
    """000-R11, 002-R7."""
    token = plane.environment.issuer.mint(OWNER, INGEST_AUDIENCE)
    answer = plane.post(an_order(2), Authorization=f"Bearer {token}")
    assert (answer.status_code, code_of(answer)) == (403, "identity.caller_forbidden")


def test_a_foreign_tenant_and_one_that_does_not_exist_look_the_same(plane: Plane) -> None:
    """Design 3: foreign tenant 404."""
    made = plane.services.provisioning.create_tenant(plane.operator(), "foreign", "group")
    foreign = plane.post(an_order(2), tenant=made.id)
    unknown = plane.post(an_order(2), tenant="tnt_" + "0" * 26)

    assert foreign.status_code == unknown.status_code == 404
    assert code_of(foreign) == code_of(unknown) == "ingest.tenant_unknown"
    shown = [{k: v for k, v in a.json().items() if k != "call_id"} for a in (foreign, unknown)]
    assert shown[0] == shown[1]


def test_a_contract_without_a_grant_is_403_in_ones_own_tenant(plane: Plane) -> None:
    plane.add_tenant("narrow", "vehicle-complaint.v1")
    answer = plane.post(an_order(2), tenant="narrow")
    assert (answer.status_code, code_of(answer)) == (403, "ingest.producer_not_granted")


def test_a_receipt_of_another_tenant_is_not_there(plane: Plane) -> None:
    receipt_id = plane.post(an_order(3)).json()["records"][0]["receipt_id"]
    answer = plane.get(f"/v1/receipts/{receipt_id}", tenant="south")
    assert (answer.status_code, code_of(answer)) == (404, "ingest.receipt_missing")


@pytest.mark.parametrize("value", [None, "f" * 64])
def test_a_missing_or_other_expected_policy_is_refused(plane: Plane, value: str | None) -> None:
    """002-R15."""
    headers = plane.headers()
    headers.pop("Ops-Policy-Rev")
    if value:
        headers["Ops-Policy-Rev"] = value
    answer = plane.session.post(
        f"{plane.url}/v1/ingest/repair-order.v2",
        data=orjson.dumps(an_order(4)),
        headers=headers,
        timeout=10,
    )
    expected = (409, "ingest.policy_rev_differs") if value else (422, "ingest.policy_rev_missing")
    assert (answer.status_code, code_of(answer)) == expected


def test_the_active_policy_is_told_to_producers(plane: Plane) -> None:
    answer = plane.get("/v1/policy")
    assert answer.json() == {"policy_rev": plane.services.policy.shipped, "in_step": True}


def test_one_bad_record_refuses_the_request_and_every_failure_has_a_pointer(plane: Plane) -> None:
    """000-R15, D17: strict is one unit; RFC 9457 with JSON Pointers and no values."""
    bad = an_order(5, ro_status="exploded", odometer_in=-1)
    missing = an_order(6)
    del missing["vin"]
    answer = plane.post(an_order(7), bad, missing)

    assert (answer.status_code, code_of(answer)) == (422, "ingest.records_refused")
    found = {(e["pointer"], e["code"]) for e in answer.json()["errors"]}
    assert found == {
        ("/1/ro_status", "not_one_of"),
        ("/1/odometer_in", "below_minimum"),
        ("/2/vin", "field_required"),
    }
    assert not any(planted in answer.text for planted in (*PLANTED, "exploded"))
    assert plane.post(an_order(7)).json()["admitted"] == 1


def test_a_single_record_is_pointed_at_without_an_index(plane: Plane) -> None:
    answer = plane.post(an_order(8, ro_number=None))
    assert [e["pointer"] for e in answer.json()["errors"]] == ["/ro_number"]


def test_the_same_event_with_another_payload_is_409(plane: Plane) -> None:
    plane.post(an_order(9))
    answer = plane.post(an_order(9, odometer_in=1))
    assert (answer.status_code, code_of(answer)) == (409, "ingest.payload_differs")


def test_an_idempotent_repeat_gets_the_stored_answer(plane: Plane) -> None:
    """001-R4: same key and body, same bytes; same key and other body, 422."""
    first = plane.post(an_order(10), Idempotency_Key="k-10")
    again = plane.post(an_order(10), Idempotency_Key="k-10")
    other = plane.post(an_order(11), Idempotency_Key="k-10")

    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, code_of(other)) == (422, "ingest.idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "media", "status", "code"),
    [
        (b"{", "application/json", 400, "ingest.body_unreadable"),
        (b"\xff\xfe", "application/json", 400, "ingest.body_unreadable"),
        (b"\n\n", "application/x-ndjson", 400, "ingest.body_empty"),
        (b"{}", "text/plain", 415, "ops.media_type_unsupported"),
        (b"[]", "application/json", 422, "ingest.records_refused"),
        (b'{"a":1,"a":2}', "application/json", 400, "ingest.body_unreadable"),
    ],
)
def test_unreadable_bodies_have_codes_of_their_own(
    plane: Plane, body: bytes, media: str, status: int, code: str
) -> None:
    answer = plane.post(body=body, Content_Type=media)
    assert (answer.status_code, code_of(answer)) == (status, code)


def test_a_body_without_a_length_is_411(plane: Plane) -> None:
    """Functions-host 3.3: the host passes a chunked body on empty."""
    host = plane.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request(
            "POST",
            "/v1/ingest/repair-order.v2",
            body=iter([b"{}"]),
            headers=plane.headers(),
            encode_chunked=True,
        )
        answer = connection.getresponse()
        problem = json.loads(answer.read())
    finally:
        connection.close()
    assert (answer.status, problem["code"]) == (411, "ops.length_required")


def test_a_body_over_the_limit_is_413(plane: Plane) -> None:
    answer = plane.post(body=b" " * (4_194_304 + 1))
    assert (answer.status_code, code_of(answer)) == (413, "ops.oversized")


def test_refused_credentials_become_one_fact_per_minute_with_a_count(plane: Plane) -> None:
    """Design 3: strangers cannot grow the ledger."""
    now = int(time.time())
    past = {"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600}
    token = plane.environment.issuer.mint(INTAKE, INGEST_AUDIENCE, **past)
    for _ in range(5):
        answer = plane.post(an_order(12), Authorization=f"Bearer {token}")
        assert code_of(answer) == "identity.token_expired"
    deadline = time.monotonic() + 10
    while _tallied(plane, "identity.token_expired") < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _tallied(plane, "identity.token_expired") == 5


def test_every_answer_names_its_call_and_is_not_cached(plane: Plane) -> None:
    answer = plane.get("/v1/policy")
    assert re.fullmatch(r"cal_[0-9a-z]{26}", answer.headers["Ops-Call-Id"])
    assert answer.headers["Cache-Control"] == "no-store"


def test_health_tells_alive_and_ready_without_a_credential(plane: Plane) -> None:
    alive = plane.session.get(plane.url + "/health/live", timeout=10)
    ready = plane.session.get(plane.url + "/health/ready", timeout=10)
    assert (alive.status_code, alive.json()["status"]) == (200, "alive")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def test_the_logs_of_the_host_hold_nothing_of_a_record(plane: Plane) -> None:
    """000-R20, D16."""
    plane.post(an_order(13))
    plane.post(an_order(13, ro_status="nonsense"))
    assert plane.host is not None
    logs = plane.host.logs.read_text(encoding="utf-8")
    assert "http.served" in logs
    assert not any(planted in logs for planted in PLANTED)


def _tallied(plane: Plane, code: str) -> int:
    with plane.services.database(Login.CONTROL).platform(plane.operator()) as tx:
        return int(
            tx.value(
                b"SELECT sum(denials) FROM ops.denial_tally WHERE code = %(code)s", {"code": code}
            )
            or 0
        )


def test_a_producer_reads_receipts_only_where_it_works(plane: Plane) -> None:
    """Design 3: naming a foreign tenant is answered as if it did not exist."""
    made = plane.services.provisioning.create_tenant(plane.operator(), "unserved", "group")
    receipt_id = plane.post(an_order(14)).json()["records"][0]["receipt_id"]
    answer = plane.get(f"/v1/receipts/{receipt_id}", tenant=made.id)
    assert (answer.status_code, code_of(answer)) == (404, "ingest.tenant_unknown")


def test_settings_that_are_not_usable_are_503_and_name_nothing() -> None:
    """003-R11: the caller learns that it is not its fault; the log tells what is."""
    with launch(PROJECT, dict.fromkeys(REQUIRED, ""), workers=1) as host:
        answer = requests.get(host.url + "/health/live", timeout=10)
        assert (answer.status_code, code_of(answer)) == (503, "ops.unavailable")
        assert answer.headers["Retry-After"] == "30"
        logs = host.logs.read_text(encoding="utf-8")
    assert all(f'"setting":"{name}"' in logs for name in REQUIRED)
