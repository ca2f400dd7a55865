"""One suite over both gates of a sender: the real one over HTTP, and the one in memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson
import pytest

from shared.adapters.gate_http import HttpGate
from shared.adapters.gate_memory import MemoryGate
from shared.client.ports import Gate, Reply
from tests.support.factories import a_complaint

CONTRACT = "vehicle-complaint.v1"


@dataclass
class Door:
    """A gate, and the headers that open it."""

    gate: Gate
    headers: dict[str, str]
    revision: str = field(default="")

    def post(self, *records: object, **changes: str) -> Reply:
        headers = {
            **self.headers,
            "Content-Type": "application/x-ndjson",
            "Ops-Policy-Rev": self.revision,
            "Idempotency-Key": uuid.uuid4().hex,
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        return self.gate.submit(CONTRACT, b"\n".join(map(orjson.dumps, records)), headers)


@pytest.fixture(params=["memory", "http"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    if request.param == "memory":
        headers = {"Authorization": "Bearer token", "Ops-Tenant": "tnt_a"}
        made = Door(MemoryGate(), headers)
    else:
        plane = request.getfixturevalue("plane")
        tenant = plane.add_tenant(f"door-{uuid.uuid4().hex[:8]}", CONTRACT)
        headers = {"Authorization": f"Bearer {plane.token}", "Ops-Tenant": tenant}
        made = Door(HttpGate(plane.url), headers)
    made.revision = orjson.loads(made.gate.policy(made.headers).body)["policy_rev"]
    yield made
    made.gate.close()


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, orjson.loads(reply.body)["code"]


def decisions(reply: Reply) -> list[str]:
    return [record["decision"] for record in orjson.loads(reply.body)["records"]]


def pointers(reply: Reply) -> set[str]:
    return {item["pointer"].split("/")[1] for item in orjson.loads(reply.body)["errors"]}


def test_the_active_revision_is_64_hex_digits(door: Door) -> None:
    assert len(bytes.fromhex(door.revision)) == 32


def test_a_new_record_is_admitted_and_a_known_one_is_a_duplicate(door: Door) -> None:
    first = door.post(a_complaint(1), a_complaint(2))
    again = door.post(a_complaint(2), a_complaint(3))
    assert (first.status, decisions(first)) == (201, ["ADMIT", "ADMIT"])
    assert (again.status, decisions(again)) == (201, ["DUPLICATE", "ADMIT"])
    known = door.post(a_complaint(1))
    assert (known.status, decisions(known)) == (200, ["DUPLICATE"])


def test_a_key_answers_the_same_body_again_and_no_other(door: Door) -> None:
    first = door.post(a_complaint(1), Idempotency_Key="k")
    again = door.post(a_complaint(1), Idempotency_Key="k")
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    other = door.post(a_complaint(2), Idempotency_Key="k")
    assert code(other) == (422, "ingest.idempotency_key_reused")


def test_refused_records_are_named_and_nothing_of_the_request_is_stored(door: Door) -> None:
    refused = door.post(a_complaint(1), a_complaint(2, refuse=True), a_complaint(3, refuse=True))
    assert code(refused) == (422, "ingest.records_refused")
    assert pointers(refused) == {"1", "2"}
    assert decisions(door.post(a_complaint(1))) == ["ADMIT"]


def test_an_event_with_other_content_is_named(door: Door) -> None:
    door.post(a_complaint(1))
    differs = door.post(a_complaint(2), a_complaint(1, make="OTHER"))
    assert code(differs) == (409, "ingest.payload_differs")
    assert pointers(differs) == {"1"}


def test_another_policy_is_a_conflict(door: Door) -> None:
    reply = door.post(a_complaint(1), Ops_Policy_Rev="f" * 64)
    assert code(reply) == (409, "ingest.policy_rev_differs")


def test_a_credential_that_does_not_verify_is_401(door: Door) -> None:
    assert door.post(a_complaint(1), Authorization="Bearer x.y.z").status == 401
    assert door.gate.policy({}).status == 401
