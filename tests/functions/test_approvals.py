"""Approvals and policy over HTTP: two people with tokens of their own, on the running host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from jsonschema import Draft202012Validator

from functions._openapi import document
from local.environment import APPROVER, OPERATOR_AUDIENCE, OWNER
from tests.support.fix_plane import Plane

if TYPE_CHECKING:
    import requests

SPEC = json.loads(document())
WHY = {"reason_code": "RELEASE", "reason": "Wilhelmine Quastenflosser wants it"}
NOBODY = "apr_01kahd0w000000000000000009"


class Operators:
    """The two people of the plane; every answer is held against the description."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        issuer = plane.environment.issuer
        self.tokens = {
            "owner": plane.environment.operator_token(),
            "approver": plane.environment.approver_token(),
            "machine": issuer.mint(OWNER, OPERATOR_AUDIENCE),
        }

    def ask(
        self, who: str, path: str, body: Any = None, *, raw: bytes | None = None, **more: str
    ) -> requests.Response:
        """Send a request; a body makes it a POST."""
        sent = raw if raw is not None else None if body is None else json.dumps(body).encode()
        headers = {
            "Authorization": f"Bearer {self.tokens[who]}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        method = "GET" if sent is None else "POST"
        answer = self.plane.session.request(
            method, self.plane.url + path, data=sent, headers=headers, timeout=30
        )
        conforms(answer, method.lower(), path)
        return answer

    def propose(self) -> dict[str, Any]:
        answer = self.ask("owner", "/v1/policy/proposals", WHY)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()["approval"]
        return found


def conforms(answer: requests.Response, method: str, path: str) -> None:
    """What is answered is what the description promises."""
    [operation] = [
        item[method]
        for template, item in SPEC["paths"].items()
        if method in item and _fits(template, path.partition("?")[0])
    ]
    media = answer.headers["Content-Type"]
    schema = operation["responses"][str(answer.status_code)]["content"][media]["schema"]
    Draft202012Validator({**schema, "components": SPEC["components"]}).validate(answer.json())


def _fits(template: str, path: str) -> bool:
    pattern, steps = template.split("/"), path.split("/")
    return len(pattern) == len(steps) and all(
        known.startswith("{") or known == step for known, step in zip(pattern, steps, strict=True)
    )


@pytest.fixture
def operators(plane: Plane) -> Operators:
    """Both people, in an environment whose policy is not in force yet."""
    _admin(plane, "DELETE FROM ops.policy_revision", "DELETE FROM ops.approval")
    return Operators(plane)


def _admin(plane: Plane, *statements: str) -> None:
    url = plane.environment.stack.admin_url(plane.environment.database)
    with psycopg.connect(url, autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement)


def test_two_people_put_a_policy_in_force(operators: Operators) -> None:
    """Design 2.6, end to end: proposed by one, seen and approved by the other, used once."""
    first = operators.ask("owner", "/v1/policy/proposals", WHY)
    again = operators.ask("owner", "/v1/policy/proposals", WHY)
    assert (first.status_code, again.status_code) == (201, 200)
    wanted = first.json()["approval"]
    assert again.json()["approval"]["approval_id"] == wanted["approval_id"]
    path = f"/v1/approvals/{wanted['approval_id']}"

    listed = operators.ask("approver", "/v1/approvals").json()["approvals"]
    assert [one["approval_id"] for one in listed] == [wanted["approval_id"]]
    filtered = operators.ask("approver", "/v1/approvals?state=denied").json()["approvals"]
    assert filtered == []
    wrong = operators.ask("approver", "/v1/approvals?state=Quastenflosser")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "ops.command_unfit")
    assert "Quastenflosser" not in wrong.text
    shown = operators.ask("approver", path).json()
    assert shown["plan"]["to"] == operators.plane.services.policy.shipped
    assert (shown["reason"], shown["requested_by"]) == (WHY["reason"], OWNER)

    quote = {"plan": shown["plan_digest"][:12], "reason_code": "RELEASE"}
    approved = operators.ask("approver", f"{path}/approve", quote).json()
    assert (approved["state"], approved["decided_by"]) == ("approved", APPROVER)
    assert operators.ask("approver", f"{path}/approve", quote).json() == approved

    use = {"approval_id": wanted["approval_id"]}
    done = [operators.ask("owner", "/v1/policy/activations", use).json() for _ in range(2)]
    assert [answer["activated"] for answer in done] == [True, False]
    assert operators.ask("approver", path).json()["state"] == "effective"
    assert operators.ask("owner", "/v1/policy/activations", {}).json()["activated"] is False
    assert operators.ask("owner", "/v1/policy/proposals", WHY).json()["approval"] is None


def test_what_is_refused_says_why_by_a_code(operators: Operators) -> None:
    wanted = operators.propose()
    path = f"/v1/approvals/{wanted['approval_id']}"
    quote = {"plan": wanted["plan_digest"], "reason_code": "RELEASE"}
    use = {"approval_id": wanted["approval_id"]}
    for who, where, body, status, code in (
        ("owner", f"{path}/approve", quote, 403, "approvals.second_person_needed"),
        ("owner", f"{path}/deny", WHY, 403, "approvals.second_person_needed"),
        ("machine", f"{path}/approve", quote, 403, "approvals.human_needed"),
        ("machine", "/v1/policy/proposals", WHY, 403, "approvals.human_needed"),
        ("approver", "/v1/policy/proposals", WHY, 403, "identity.permission_missing"),
        ("approver", "/v1/policy/activations", use, 403, "identity.permission_missing"),
        ("approver", f"{path}/withdraw", {}, 403, "approvals.not_theirs"),
        ("approver", f"{path}/approve", {**quote, "plan": "0" * 12}, 409, "approvals.plan_differs"),
        ("owner", "/v1/policy/activations", use, 409, "approvals.not_approved"),
        ("owner", "/v1/policy/activations", {}, 409, "policy.approval_needed"),
        ("owner", "/v1/policy/activations", {"approval_id": NOBODY}, 404, "approvals.unknown"),
        ("approver", f"/v1/approvals/{NOBODY}/deny", WHY, 404, "approvals.unknown"),
        ("approver", "/v1/approvals/nonsense/deny", WHY, 404, "approvals.unknown"),
    ):
        answer = operators.ask(who, where, body)
        found = (answer.status_code, answer.json()["code"])
        assert (who, where, *found) == (who, where, status, code)
        assert WHY["reason"] not in answer.text
    assert operators.ask("approver", "/v1/approvals/nonsense").status_code == 404


def test_deny_and_withdraw_end_it(operators: Operators) -> None:
    denied, withdrawn = operators.propose(), None
    path = f"/v1/approvals/{denied['approval_id']}"
    answer = operators.ask("approver", f"{path}/deny", {"reason_code": "SECURITY"})
    assert (answer.json()["state"], answer.json()["decision_code"]) == ("denied", "SECURITY")
    withdrawn = operators.propose()
    path = f"/v1/approvals/{withdrawn['approval_id']}"
    assert operators.ask("owner", f"{path}/withdraw", {}).json()["state"] == "withdrawn"
    late = operators.ask("approver", f"{path}/deny", {"reason_code": "SECURITY"})
    assert (late.status_code, late.json()["code"]) == (409, "approvals.not_open")


BAD: dict[str, tuple[int, str, Any]] = {
    "nothing": (400, "ops.command_unreadable", b""),
    "no JSON": (400, "ops.command_unreadable", b"{"),
    "a name twice": (
        400,
        "ops.command_unreadable",
        b'{"plan":"000000000000","plan":"000000000000","reason_code":"RELEASE"}',
    ),
    "a list": (422, "", []),
    "no member": (422, "/plan", {"reason_code": "RELEASE"}),
    "an unknown member": (
        422,
        "",
        {"plan": "0" * 12, "reason_code": "RELEASE", "Quastenflosser": 1},
    ),
    "an unknown code": (422, "/reason_code", {"plan": "0" * 12, "reason_code": "Quastenflosser"}),
    "a short quote": (422, "/plan", {"plan": "0" * 11, "reason_code": "RELEASE"}),
    "a quote that is none": (422, "/plan", {"plan": "Quastenflosser", "reason_code": "RELEASE"}),
    "a number for a text": (
        422,
        "/reason",
        {"plan": "0" * 12, "reason_code": "RELEASE", "reason": 1},
    ),
    "a long reason": (
        422,
        "/reason",
        {"plan": "0" * 12, "reason_code": "RELEASE", "reason": "Quastenflosser" * 100},
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_body_is_refused_with_a_pointer_and_no_echo(operators: Operators, case: str) -> None:
    status, expected, body = BAD[case]
    path = f"/v1/approvals/{NOBODY}/approve"
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = operators.ask("approver", path, raw=raw)
    problem = answer.json()
    assert answer.status_code == status
    if status == 400:
        assert problem["code"] == expected
    else:
        assert problem["code"] == "ops.command_unfit"
        assert [item["pointer"] for item in problem["errors"]] == [expected]
    assert "Quastenflosser" not in answer.text


def test_control_characters_are_no_reason(operators: Operators) -> None:
    """What a terminal would obey, and U+0000, which no text column takes."""
    for text in ("\x00", "\x1b[2J", "a\nb", "\ud800"):
        answer = operators.ask(
            "approver", f"/v1/approvals/{NOBODY}/deny", {"reason_code": "SUPPORT", "reason": text}
        )
        code = answer.json()["code"]
        assert (answer.status_code, code) in {
            (422, "approvals.reason_unfit"),
            (422, "ops.command_unfit"),
        }


def test_another_media_type_or_audience_is_refused(operators: Operators) -> None:
    path = f"/v1/approvals/{NOBODY}/deny"
    answer = operators.ask("approver", path, WHY, Content_Type="text/plain")
    assert (answer.status_code, answer.json()["code"]) == (415, "ops.media_type_unsupported")
    token = f"Bearer {operators.plane.token}"
    answer = operators.ask("approver", "/v1/approvals", Authorization=token)
    assert (answer.status_code, answer.json()["code"]) == (401, "identity.audience_invalid")


def test_the_log_of_the_host_holds_no_reason(operators: Operators) -> None:
    """D16, D23."""
    operators.propose()
    assert operators.plane.host is not None
    logs = operators.plane.host.logs.read_text(encoding="utf-8")
    assert "policy_propose" in logs
    assert WHY["reason"] not in logs
