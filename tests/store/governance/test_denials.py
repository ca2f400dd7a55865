"""Refusals: counted as they come, one fact per code, caller and closed minute (design 3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from shared.governance.denials import Denials
from shared.kernel.call import Call
from shared.kernel.canonical import NotCanonical
from tests.support.fix_db import OWNER, PRODUCER, START, World

CODE = "identity.token_expired"
OTHER = "identity.signature_invalid"


@pytest.fixture
def denials(shared_world: World) -> Denials:
    with shared_world.connect() as admin:
        admin.execute("DELETE FROM ops.denial_tally")
    return shared_world.services.denials


def at(world: World, **after: float) -> Call:
    """A call some time after the start of the world."""
    return replace(world.operator(), now=START + timedelta(**after))


def facts_of(world: World, *calls: Call) -> list[dict[str, Any]]:
    found = world.rows(
        "SELECT body::jsonb -> 'attributes' FROM ops.fact"
        " WHERE name = 'identity:credential:refused' AND body::jsonb ->> 'call_id' = ANY(%s)"
        " ORDER BY body::jsonb #>> '{attributes,code}', body::jsonb #>> '{attributes,minute}'",
        [call.call_id for call in calls],
    )
    return [attributes for (attributes,) in found]


def test_a_minute_becomes_one_fact_with_a_count_once_it_is_over(
    shared_world: World, denials: Denials
) -> None:
    for second in (0, 30, 59.9):
        denials.count(at(shared_world, seconds=second), CODE, OWNER)
    running, closed, again = (at(shared_world, seconds=s) for s in (59.9, 60, 120))

    assert [denials.settle(call) for call in (running, closed, again)] == [0, 1, 0]
    [fact] = facts_of(shared_world, running, closed, again)
    assert (fact["code"], fact["denials"]) == (CODE, 3)
    assert fact["minute"] == int(START.timestamp()) // 60
    assert shared_world.rows("SELECT * FROM ops.denial_tally") == []


def test_codes_callers_and_minutes_are_kept_apart(shared_world: World, denials: Denials) -> None:
    for seconds, code, caller in (
        (0, CODE, OWNER),
        (0, CODE, PRODUCER),
        (0, OTHER, OWNER),
        (60, CODE, OWNER),
    ):
        denials.count(at(shared_world, seconds=seconds), code, caller)
    settled = at(shared_world, seconds=120)

    assert denials.settle(settled) == 4
    assert [fact["denials"] for fact in facts_of(shared_world, settled)] == [1, 1, 1, 1]


def test_strangers_share_one_caller(shared_world: World, denials: Denials) -> None:
    """However many they are, they make one row and one fact per minute and code."""
    for _ in range(20):
        denials.count(at(shared_world), CODE, None)
    assert shared_world.rows("SELECT caller, denials FROM ops.denial_tally") == [("unverified", 20)]
    settled = at(shared_world, minutes=1)
    denials.settle(settled)
    assert [fact["caller"] for fact in facts_of(shared_world, settled)] == ["unverified"]


def test_a_caller_is_told_apart_and_not_named(shared_world: World, denials: Denials) -> None:
    """D23: the ledger holds a digest of who was refused."""
    denials.count(at(shared_world), CODE, OWNER)
    settled = at(shared_world, minutes=1)
    denials.settle(settled)

    [fact] = facts_of(shared_world, settled)
    assert len(fact["caller"]) == 32
    assert OWNER not in str(fact)


def test_a_late_count_becomes_a_fact_of_its_own(shared_world: World, denials: Denials) -> None:
    """A count that commits after its minute was settled is not lost and not merged away."""
    first, second = at(shared_world, minutes=1), at(shared_world, minutes=2)
    denials.count(at(shared_world), CODE, OWNER)
    denials.settle(first)
    denials.count(at(shared_world), CODE, OWNER)
    denials.settle(second)

    assert [fact["denials"] for fact in facts_of(shared_world, first, second)] == [1, 1]


def test_counts_add_up_while_others_count_and_settle(shared_world: World, denials: Denials) -> None:
    """No refusal is lost and none is told twice, whoever gets in between."""
    threads, each = 3, 40
    settling = [at(shared_world, minutes=1) for _ in range(2)]
    done = Event()

    def count(caller: str | None) -> None:
        for _ in range(each):
            denials.count(at(shared_world), CODE, caller)

    def settle(call: Call) -> None:
        while not done.is_set():
            # Each round is a call of its own, as each tick of a timer is.
            rounds.append(replace(call, call_id=shared_world.operator().call_id))
            denials.settle(rounds[-1])

    rounds: list[Call] = []
    with ThreadPoolExecutor(threads + len(settling)) as pool:
        settlers = [pool.submit(settle, call) for call in settling]
        try:
            list(pool.map(count, (None, None, OWNER)))
        finally:
            done.set()
        for settler in settlers:
            settler.result()
    last = at(shared_world, minutes=1)
    denials.settle(last)

    facts = facts_of(shared_world, *rounds, last)
    assert sum(fact["denials"] for fact in facts) == threads * each
    assert len(facts) > 2  # settled while the others were counting
    strangers = [fact["denials"] for fact in facts if fact["caller"] == "unverified"]
    assert sum(strangers) == 2 * each


def test_a_settlement_that_fails_leaves_the_counts(
    shared_world: World, denials: Denials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clearing and recording are one transaction: a crash in between repeats it whole."""
    for code in (CODE, OTHER):
        denials.count(at(shared_world), code, OWNER)
    broken = replace(at(shared_world, minutes=1), environment="\ud800")
    with pytest.raises(NotCanonical):
        denials.settle(broken)
    assert facts_of(shared_world, broken) == []

    assert denials.settle(at(shared_world, minutes=1)) == 2
