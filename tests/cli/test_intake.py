"""Quarantine, runs and receipt look-ups at the command line: done, told, and never echoed."""

from __future__ import annotations

import orjson
import pytest

from shared.cli import problems
from shared.cli.quarantine import REASONS, STATES
from shared.cli.run import OUTCOMES
from shared.ingest.quarantine import Reason, State
from shared.ingest.runs import Outcome
from tests.cli.conftest import Terminal
from tests.support.factories import PLANTED, a_complaint, a_transaction, an_order
from tests.support.fix_db import World
from tests.support.held import LENIENT, bad, hold, leaking, told

NOWHERE = "0" * 32


@pytest.fixture
def here(shared_world: World, name: str) -> str:
    """A tenant that no other test uses."""
    shared_world.add_tenant(name, "repair-order.v2", "transaction.v1", "vehicle-complaint.v1")
    return name


def releasable(world: World, tenant: str, number: int = 1) -> str:
    """Held because an earlier record of its event could not be admitted either."""
    answer = told(world.submit(leaking(number), an_order(number), tenant=tenant, **LENIENT))
    return str(answer[1]["receipt_id"])


def test_the_words_of_the_parser_are_those_of_the_services() -> None:
    assert tuple(State) == STATES
    assert tuple(Reason) == REASONS
    assert tuple(Outcome) == OUTCOMES


def test_held_records_are_listed_with_codes_and_places_alone(
    terminal: Terminal, shared_world: World, here: str
) -> None:
    (receipt_id,) = hold(shared_world, here, bad(1))
    listed = terminal.run("quarantine", "list", "--tenant", here)
    assert listed.code == problems.OK
    assert receipt_id in listed.out
    assert "/ro_status not_one_of" in listed.out
    shown = terminal.json("quarantine", "show", receipt_id, "--tenant", here)
    assert shown["reasons"] == [{"pointer": "/ro_status", "code": "not_one_of"}]
    assert shown["sent_by"].startswith("SYSTEM::")
    for said in (listed.out, str(shown)):
        assert not any(planted in said for planted in (*PLANTED, "exploded"))
    empty = terminal.run("quarantine", "list", "--tenant", here, "--state", "expired")
    assert (empty.code, empty.out) == (problems.OK, "none\n")


def test_several_records_are_settled_each_for_itself(
    terminal: Terminal, shared_world: World, here: str
) -> None:
    good = releasable(shared_world, here)
    (wrong,) = hold(shared_world, here, bad(2))
    words = ("quarantine", "release", good, wrong, NOWHERE, good, "--tenant", here)
    done = terminal.run(*words, "--reason", "contract_fixed")
    assert done.code == problems.FAILED
    first, second, third = done.out.splitlines()
    assert first.startswith(f"{good}  released as ")
    assert second == f"{wrong}  refused: ingest.records_refused: /ro_status not_one_of"
    assert third.startswith(f"{NOWHERE}  refused: ingest.quarantine_missing")
    assert not any(planted in done.out for planted in (*PLANTED, "exploded"))

    again = terminal.run("quarantine", "release", good, "--tenant", here, "--reason", "test_data")
    assert (again.code, again.out.endswith(", as it was\n")) == (problems.OK, True)
    words = ("quarantine", "discard", wrong, good, "--tenant", here, "--reason", "not_wanted")
    dropped = terminal.run(*words, "--json")
    assert dropped.code == problems.FAILED
    assert [(r["state"], r.get("code")) for r in dropped.document["records"]] == [
        ("discarded", None),
        ("refused", "ingest.quarantine_settled"),
    ]


def test_a_suspended_tenant_stops_the_rest(
    terminal: Terminal, shared_world: World, here: str
) -> None:
    one, two = hold(shared_world, here, bad(1), bad(2))
    terminal.run("tenant", "suspend", here)
    words = ("quarantine", "discard", one, two, "--tenant", here, "--reason", "not_wanted")
    done = terminal.run(*words)
    assert done.code == problems.FAILED
    assert done.out.splitlines()[1] == f"{two}  not_tried"
    words = ("quarantine", "discard", one, "--tenant", here, "--reason", "not_wanted")
    assert terminal.refused(*words) == (problems.CONFLICT, "ingest.tenant_suspended")
    terminal.run("tenant", "resume", here)


def test_a_run_is_opened_once_per_key_shown_and_closed(
    terminal: Terminal, shared_world: World, here: str
) -> None:
    words = ("run", "open", "--tenant", here, "--key", "night")
    opened, again = terminal.json(*words), terminal.json(*words)
    run_id = opened["run"]["run_id"]
    assert (opened["changed"], again["changed"]) == (True, False)
    assert again["run"]["run_id"] == run_id
    assert terminal.json("run", "open", "--tenant", here)["run"]["run_id"] != run_id
    shared_world.submit(a_transaction(1), tenant=here, contract="transaction.v1", run_id=run_id)
    shown = terminal.run("run", "show", run_id, "--tenant", here)
    assert "segment 1" in shown.out
    closed = terminal.run("run", "close", run_id, "--tenant", here, "--outcome", "cancelled")
    assert closed.out.startswith(f"closed run {run_id}, cancelled")
    assert terminal.refused("run", "close", run_id, "--tenant", here) == (
        problems.CONFLICT,
        "ingest.run_closed",
    )
    listed = terminal.run("run", "list", "--tenant", here).out
    assert "standing" in listed
    assert "cancelled" in listed
    assert terminal.refused("run", "show", "run_x", "--tenant", here)[0] == problems.MISSING


def test_receipts_are_found_by_event_and_by_payload(
    terminal: Terminal, shared_world: World, here: str
) -> None:
    order = told(shared_world.submit(an_order(1), tenant=here))[0]["receipt_id"]
    complaint = told(
        shared_world.submit(
            a_complaint(1, component="BRAKES"), tenant=here, contract="vehicle-complaint.v1"
        )
    )[0]["receipt_id"]
    find = ("receipt", "find", "--tenant", here)
    event = ("--contract", "repair-order.v2", "--event-id", "RO-000001")
    [found] = terminal.json(*find, *event)["receipts"]
    assert found["receipt_id"] == order
    payload = ("--payload-hash", found["payload_hash"]["hex"])
    assert terminal.json(*find, *payload)["receipts"] == [found]
    parts = ("--event-id", "10000001", "--event-id", "BRAKES")
    other = terminal.json(*find, "--contract", "vehicle-complaint.v1", *parts)["receipts"]
    assert [receipt["receipt_id"] for receipt in other] == [complaint]
    assert order in terminal.run(*find, *event).out


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        ((), problems.INVALID, "cli.search_unfit"),
        (("--contract", "repair-order.v2"), problems.INVALID, "cli.search_unfit"),
        (("--payload-hash", "xyz"), problems.INVALID, "cli.search_unfit"),
        (("--payload-hash", "0" * 64, "--run", "r"), problems.INVALID, "cli.search_unfit"),
        (("--payload-hash", "0" * 64), problems.MISSING, "ingest.receipt_missing"),
        (
            ("--contract", "recipe.v1", "--event-id", "1"),
            problems.MISSING,
            "ingest.contract_unknown",
        ),
        (
            ("--contract", "vehicle-complaint.v1", "--event-id", "x"),
            problems.INVALID,
            "ingest.event_id_unfit",
        ),
        (
            ("--contract", "repair-order.v2", *("--event-id", "RO-1") * 2),
            problems.INVALID,
            "ingest.event_id_unfit",
        ),
    ],
)
def test_a_search_that_cannot_be_meant_is_refused(
    terminal: Terminal, words: tuple[str, ...], code: int, error: str
) -> None:
    assert terminal.refused("receipt", "find", "--tenant", "north", *words) == (code, error)


def test_a_quarantine_receipt_is_shown_and_verified(
    terminal: Terminal, shared_world: World, here: str
) -> None:
    (receipt_id,) = hold(shared_world, here, bad(1))
    shown = terminal.json("receipt", "show", receipt_id, "--tenant", here)
    assert (shown["decision"], shown["reason_codes"]) == ("QUARANTINE", ["not_one_of"])
    assert terminal.json("receipt", "verify", receipt_id, "--tenant", here)["ok"] is True
    assert orjson.dumps(shown).count(b"RO-000001") == 0
