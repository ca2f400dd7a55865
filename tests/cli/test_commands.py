"""What operators do: every command against real services, repeated, and in conflict."""

from __future__ import annotations

import re
from dataclasses import replace

import orjson
import pytest

from shared.cli import problems
from shared.ingest.contracts import shipped
from shared.kernel.ids import PATTERN
from tests.cli.conftest import Terminal
from tests.support.factories import PLANTED, an_order
from tests.support.fix_db import OWNER, PRODUCER, World

LABEL = "Ada Byron"


def test_an_environment_is_set_up_by_commands_alone(
    terminal: Terminal, shared_world: World, name: str
) -> None:
    """000-R9: group, tenant, service, grant; then a record is admitted."""
    service = ("--object-id", PRODUCER)
    for words in (
        ("group", "create", name),
        ("tenant", "create", name, "--group", name),
        ("service", "create", *service, "--label", "intake"),
        ("grant", "add", *service, "--tenant", name, "--contract", "repair-order.v2"),
        ("policy", "activate"),
    ):
        assert terminal.run(*words).code == problems.OK
    [made] = [t for t in terminal.json("tenant", "list")["tenants"] if t["name"] == name]

    assert shared_world.submit(an_order(), tenant=made["tenant_id"]).admitted == 1


def test_creating_again_says_exists(terminal: Terminal, name: str, somebody: str) -> None:
    for words, noun in (
        (("group", "create", name), "group"),
        (("tenant", "create", name, "--group", name), "tenant"),
        (("user", "create", "--object-id", somebody, "--label", "x", "--group", name), "user"),
    ):
        first, again = terminal.run(*words), terminal.run(*words)
        assert (first.code, again.code) == (problems.OK, problems.OK)
        verb, kind, made = first.out.split()
        assert (verb, kind) == ("created", noun)
        assert PATTERN.fullmatch(made)
        assert again.out == f"exists {noun} {made}\n"


@pytest.mark.parametrize(
    ("do", "undo", "said"),
    [
        ("suspend", "resume", "status"),
        ("disable", "enable", "status"),
    ],
)
def test_switching_twice_changes_once(terminal: Terminal, do: str, undo: str, said: str) -> None:
    words = {
        "suspend": ("tenant", "{}", "north"),
        "disable": ("service", "{}", "--object-id", PRODUCER),
    }[do]

    def switch(verb: str) -> tuple[str, bool]:
        done = terminal.json(*(word.format(verb) for word in words))
        return done[said], done["changed"]

    off = {"suspend": "suspended", "disable": "disabled"}[do]
    assert [switch(do), switch(do), switch(undo), switch(undo)] == [
        (off, True),
        (off, False),
        ("active", True),
        ("active", False),
    ]


def test_what_is_not_there_is_5_with_the_way_to_make_it(terminal: Terminal, somebody: str) -> None:
    """000-R9: nothing is made on the way to something else."""
    unknown = (problems.MISSING, "identity.unknown")
    grant = ("--contract", "repair-order.v2")

    assert terminal.refused("tenant", "create", "west", "--group", "none") == unknown
    assert terminal.refused("tenant", "suspend", "west") == unknown
    assert terminal.refused("role", "grant", "--object-id", somebody, "sre") == unknown
    assert terminal.refused(
        "grant", "add", "--object-id", somebody, "--tenant", "north", *grant
    ) == (unknown)
    assert terminal.refused("user", "disable", "--object-id", PRODUCER) == unknown
    assert "opsplane group create" in terminal.run("tenant", "create", "w", "--group", "n").err


def test_another_thing_of_the_same_name_is_6(terminal: Terminal) -> None:
    terminal.json("group", "create", "other")
    conflict = (problems.CONFLICT, "identity.already_otherwise")

    assert terminal.refused("tenant", "create", "north", "--group", "other") == conflict
    same = ("--object-id", PRODUCER, "--label", "intake")
    assert terminal.refused("user", "create", *same) == conflict
    assert terminal.refused("service", "create", *same[:3], "another") == conflict


def test_a_name_that_does_not_do_is_3(terminal: Terminal) -> None:
    unfit = (problems.INVALID, "identity.name_unfit")

    for name in ("", " north", "a\tb", "x" * 101, "tnt_" + "0" * 26):
        assert terminal.refused("group", "create", name) == unfit
    assert terminal.refused("user", "create", "--object-id", "Ada", "--label", "x") == unfit


def test_grants_take_shipped_contracts_and_tell_the_nearest(terminal: Terminal) -> None:
    words = ("--object-id", PRODUCER, "--tenant", "north", "--contract")
    done = terminal.run("grant", "add", *words, "repair-order.v3")

    assert done.code == problems.MISSING
    assert "nearest: repair-order.v2" in done.err
    assert "repair-order.v3" not in done.err
    assert terminal.json("grant", "remove", *words, "repair-order.v2")["removed"] is True
    assert terminal.json("grant", "remove", *words, "repair-order.v2")["removed"] is False
    assert terminal.json("grant", "add", *words, "repair-order.v2")["created"] is True
    tenant_id = terminal.json("grant", "add", *words, "repair-order.v2")["tenant_id"]
    listed = [g for g in terminal.json("grant", "list")["grants"] if g["tenant_id"] == tenant_id]
    assert [(g["object_id"], g["contract"]) for g in listed] == [
        (PRODUCER, contract) for contract in shipped()
    ]


def test_roles_are_listed_with_meaning_permissions_and_holders(
    terminal: Terminal, somebody: str
) -> None:
    terminal.json("user", "create", "--object-id", somebody, "--label", LABEL)
    words = ("--object-id", somebody.upper(), "security_officer")
    assert terminal.json("role", "grant", *words)["granted"] is True
    assert terminal.json("role", "grant", *words)["granted"] is False

    roles = {role["role"]: role for role in terminal.json("role", "list")["roles"]}
    assert roles["platform_owner"]["held_by"] == [OWNER]
    assert somebody in roles["security_officer"]["held_by"]
    assert "identity:role:grant" in roles["security_officer"]["permissions"]
    assert f"held by {somebody}" in terminal.run("role", "list").out
    assert terminal.run("role", "grant", "--object-id", somebody, "king").code == problems.USAGE


def test_a_label_is_shown_in_the_list_of_users_and_nowhere_else(
    terminal: Terminal, shared_world: World, somebody: str
) -> None:
    """D23: it may name a person, so neither answers nor facts hold it."""
    create = ("user", "create", "--object-id", somebody, "--label", LABEL)
    outcomes = [
        terminal.run(*create),
        terminal.run(*create, "--json"),
        terminal.run("role", "grant", "--object-id", somebody, "sre"),
        terminal.run("role", "list"),
        terminal.run("user", "disable", "--object-id", somebody),
        terminal.run("service", "create", *create[2:]),
        terminal.run("user", "create", "--object-id", somebody, "--label", LABEL + "\n"),
    ]

    assert not [done for done in outcomes if LABEL in done.out + done.err]
    assert LABEL in terminal.run("user", "list").out
    labels = {user["label"] for user in terminal.json("user", "list")["users"]}
    assert labels >= {"first owner", LABEL}
    assert LABEL not in terminal.run("service", "list").out
    assert shared_world.rows("SELECT count(*) FROM ops.fact WHERE body LIKE %s", f"%{LABEL}%") == [
        (0,)
    ]


def test_contracts_need_no_credential(terminal: Terminal) -> None:
    terminal.variables = {}

    listed = terminal.json("contract", "list")["contracts"]
    assert [one["name"] for one in listed] == list(shipped())
    for name, contract in shipped().items():
        shown = terminal.run("contract", "show", name).out
        assert all(re.search(rf"\b{field}\b", shown) for field in contract.fields)
    done = terminal.run("contract", "show", "vehicle-complain.v1")
    assert (done.code, "nearest: vehicle-complaint.v1" in done.err) == (problems.MISSING, True)


class TestReceipts:
    """Receipts through the operator's eyes."""

    @pytest.fixture
    def receipt(self, shared_world: World) -> str:
        answer = orjson.loads(shared_world.submit(an_order()).body)
        return str(answer["records"][0]["receipt_id"])

    def test_a_receipt_is_shown_and_verifies(self, terminal: Terminal, receipt: str) -> None:
        shown = terminal.run("receipt", "show", receipt, "--tenant", "north")
        assert shown.code == problems.OK
        assert not [value for value in PLANTED if value in shown.out]
        document = terminal.json("receipt", "show", receipt, "--tenant", "north")
        assert (document["receipt_id"], document["decision"]) == (receipt, "ADMIT")

        verified = terminal.json("receipt", "verify", receipt, "--tenant", "north")
        assert (verified["ok"], len(verified["checked"])) == (True, 6)
        words = ("receipt", "verify", receipt, "--tenant", "north")
        assert terminal.run(*words).out.endswith("verified\n")

    def test_a_lost_document_is_a_negative_verdict(self, terminal: Terminal, receipt: str) -> None:
        """A difference is exit code 1, and told apart from not being able to look."""
        emptied = type(terminal.ports.blobs)()
        terminal.ports = replace(terminal.ports, blobs=emptied)
        done = terminal.run("receipt", "verify", receipt, "--tenant", "north", "--json")

        assert (done.code, done.err) == (problems.FAILED, "")
        assert done.document["failed"] == "document_missing"

    def test_it_is_nowhere_in_another_tenant(self, terminal: Terminal, receipt: str) -> None:
        """000-R3: tenants are kept apart, for operators too."""
        assert terminal.refused("receipt", "show", receipt, "--tenant", "south") == (
            problems.MISSING,
            "ingest.receipt_missing",
        )
        assert terminal.refused("receipt", "show", receipt, "--tenant", "nowhere") == (
            problems.MISSING,
            "identity.unknown",
        )
