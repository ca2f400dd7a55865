"""Two people at two terminals: one proposes, the other one looks and decides."""

from __future__ import annotations

from typing import Any

import pytest

from local.issuer import Issuer
from shared.cli import problems
from shared.cli.problems import advice
from shared.kernel.errors import catalogue
from tests.cli.conftest import AUDIENCE, Terminal
from tests.support.fix_db import APPROVER, OWNER, World

TEXT = "Wilhelmine wants it"
WHY = ("--reason-code", "RELEASE")
PROPOSE = ("policy", "propose", *WHY, "--reason", TEXT)


@pytest.fixture
def second(issuer: Issuer) -> dict[str, str]:
    """What the second person sets, in place of the owner's token."""
    return {"OPS_TOKEN": issuer.mint(APPROVER, AUDIENCE, human=True)}


@pytest.fixture
def owner(terminal: Terminal, shared_world: World) -> Terminal:
    """The owner's terminal, with no policy in force and nothing asked for."""
    with shared_world.connect() as admin:
        admin.execute("DELETE FROM ops.policy_revision")
        admin.execute("DELETE FROM ops.approval")
    return terminal


def proposed(owner: Terminal) -> dict[str, Any]:
    found: dict[str, Any] = owner.json(*PROPOSE)["approval"]
    return found


def test_two_people_put_a_policy_in_force(
    owner: Terminal, second: dict[str, str], shared_world: World
) -> None:
    """002-R13, 002-R14: every line that is printed as the next step works as it stands."""
    rev = shared_world.services.policy.shipped
    assert owner.refused("policy", "show") == (problems.MISSING, "policy.nothing_active")
    assert owner.refused("policy", "activate") == (problems.CONFLICT, "policy.approval_needed")
    planned = owner.json("policy", "plan")
    assert (planned["due"], planned["plan"]["to"]) == (True, rev)

    asked = owner.run(*PROPOSE)
    approve, activate = (
        line.split()[1:] for line in asked.out.splitlines() if line.startswith("  opsplane")
    )
    looked = owner.run(*approve, **second)
    assert looked.code == problems.INVALID
    assert planned["plan_digest"] in looked.out
    assert '"added": [' in looked.out
    assert "Nothing is decided" in looked.out
    done = owner.run(*looked.out.splitlines()[-1].split()[1:], **second)
    assert (done.code, done.out.split()[0]) == (problems.OK, "approved")
    assert owner.run(*activate).out == f"activated {rev}\n"

    assert owner.json("policy", "show") == {"active": rev, "shipped": rev, "in_step": True}
    assert owner.run("policy", "activate").out == f"active already: {rev}\n"
    assert owner.run(*PROPOSE).out == f"in force already: {rev}\n"
    assert owner.run("policy", "plan").out == f"in force already: {rev}\n"


def test_looking_decides_nothing(owner: Terminal, second: dict[str, str]) -> None:
    wanted = proposed(owner)
    name = wanted["approval_id"]
    done = owner.run("approval", "approve", name, *WHY, "--json", **second)
    assert (done.code, done.document["changed"]) == (problems.INVALID, False)
    assert owner.json("approval", "show", name)["state"] == "proposed"


def test_a_decision_is_made_once_and_repeated_without_harm(
    owner: Terminal, second: dict[str, str]
) -> None:
    wanted = proposed(owner)
    name, plan = wanted["approval_id"], wanted["plan_digest"]
    words = ("approval", "approve", name, "--plan", plan[:12], *WHY)
    assert owner.json(*words, **second)["changed"] is True
    assert owner.json(*words, **second)["changed"] is False
    assert owner.run(*words, **second).out == f"approved already: {name}\n"
    deny = ("approval", "deny", name, *WHY)
    assert owner.refused(*deny, **second) == (problems.CONFLICT, "approvals.already_decided")
    assert owner.json("approval", "withdraw", name)["state"] == "withdrawn"
    assert owner.run("approval", "withdraw", name).out == f"withdrawn already: {name}\n"


def test_a_refusal_is_told_with_its_reason(owner: Terminal, second: dict[str, str]) -> None:
    name = proposed(owner)["approval_id"]
    deny = ("approval", "deny", name, "--reason-code", "SECURITY", "--reason", "Not yet")
    assert owner.json(*deny, **second)["state"] == "denied"
    shown = owner.run("approval", "show", name).out
    assert "Not yet" in shown
    assert TEXT in shown
    listed = owner.run("approval", "list").out
    assert TEXT not in listed
    assert [one["state"] for one in owner.json("approval", "list")["approvals"]] == ["denied"]
    assert owner.json("approval", "list", "--state", "proposed")["approvals"] == []


def test_what_is_refused_has_a_code_and_a_next_step(
    owner: Terminal, second: dict[str, str], issuer: Issuer
) -> None:
    wanted = proposed(owner)
    name, plan = wanted["approval_id"], wanted["plan_digest"]
    machine = {"OPS_TOKEN": issuer.mint(OWNER, AUDIENCE)}
    approve = ("approval", "approve", name, "--plan")
    refused, conflict = problems.REFUSED, problems.CONFLICT

    assert owner.refused(*approve, plan, *WHY) == (refused, "approvals.second_person_needed")
    assert owner.refused(*PROPOSE, **machine) == (refused, "approvals.human_needed")
    assert owner.refused(*PROPOSE, **second) == (refused, "identity.permission_missing")
    assert owner.refused(*approve, "0" * 12, *WHY, **second) == (
        conflict,
        "approvals.plan_differs",
    )
    assert owner.refused("policy", "activate", "--approval", name) == (
        conflict,
        "approvals.not_approved",
    )
    assert owner.refused("approval", "show", "nonsense") == (
        problems.MISSING,
        "approvals.unknown",
    )
    assert "opsplane role list" in owner.run(*approve, plan, *WHY).err


def test_a_reason_is_asked_for_by_the_command_line(owner: Terminal) -> None:
    assert owner.run("policy", "propose", *WHY).code == problems.USAGE
    assert owner.run("policy", "propose", "--reason", "x").code == problems.USAGE
    because = ("--reason-code", "BECAUSE", "--reason", "x")
    assert owner.run("policy", "propose", *because).code == problems.USAGE
    for text in ("", "x" * 501, "a\nb", "\udcff"):
        assert owner.refused("policy", "propose", *WHY, "--reason", text) == (
            problems.INVALID,
            "approvals.reason_unfit",
        )


def test_every_conflict_about_an_approval_has_a_next_step_of_its_own() -> None:
    shapes = {
        advice(error())
        for error in catalogue().values()
        if error.__module__.endswith("kernel.errors")
    }
    silent = [
        code
        for code, error in catalogue().items()
        if code.startswith("approvals.") and advice(error()) in shapes
    ]
    assert set(silent) <= {
        "approvals.kind_unknown",
        "approvals.plan_unfit",
        "approvals.reason_unfit",
        "approvals.unknown",
    }
