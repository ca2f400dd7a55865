"""Two people at once: exactly one of them wins, and the other learns of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from shared.approvals import errors
from shared.kernel.errors import OpsError
from tests.support.approving import WHY, a_person, a_plan, approve, propose, take, told
from tests.support.fix_db import World

ROUNDS = range(6)


def at_once(*doings: Callable[[], object]) -> Sequence[object]:
    """What came of each, an error included."""
    barrier = Barrier(len(doings))

    def run(doing: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return doing()
        except OpsError as error:
            return error

    with ThreadPoolExecutor(len(doings)) as pool:
        return list(pool.map(run, doings))


def lost(outcomes: Sequence[object]) -> list[object]:
    return [outcome for outcome in outcomes if isinstance(outcome, OpsError)]


@pytest.mark.parametrize("_", ROUNDS)
def test_of_approve_and_deny_one_wins(shared_world: World, _: int) -> None:
    approvals, plan = shared_world.services.approvals, a_plan()
    wanted = propose(shared_world, plan).approval
    third = a_person(shared_world, str(uuid.uuid4()))
    outcomes = at_once(
        lambda: approve(shared_world, wanted),
        lambda: approvals.deny(third, wanted.approval_id, WHY),
    )
    [loser] = lost(outcomes)
    assert isinstance(loser, errors.AlreadyDecided | errors.NotOpen)
    assert told(shared_world, wanted.approval_id)[1:] in (["approved"], ["denied"])


@pytest.mark.parametrize("_", ROUNDS)
def test_of_two_executions_one_has_the_effect(shared_world: World, _: int) -> None:
    plan = a_plan()
    wanted = propose(shared_world, plan).approval
    approve(shared_world, wanted)
    outcomes = at_once(*[lambda: take(shared_world, wanted.approval_id, plan)] * 2)
    [loser] = lost(outcomes)
    assert isinstance(loser, errors.NotOpen)
    assert told(shared_world, wanted.approval_id) == ["proposed", "approved", "took_effect"]


@pytest.mark.parametrize("_", ROUNDS)
def test_of_executing_and_taking_back_one_wins(shared_world: World, _: int) -> None:
    plan = a_plan()
    wanted = propose(shared_world, plan).approval
    approve(shared_world, wanted)
    outcomes = at_once(
        lambda: take(shared_world, wanted.approval_id, plan),
        lambda: shared_world.services.approvals.withdraw(
            shared_world.operator(), wanted.approval_id
        ),
    )
    assert len(lost(outcomes)) == 1
    assert len(told(shared_world, wanted.approval_id)) == 3


@pytest.mark.parametrize("_", ROUNDS)
def test_two_who_ask_for_the_same_ask_once(shared_world: World, _: int) -> None:
    plan = a_plan()
    outcomes = at_once(*[lambda: propose(shared_world, plan)] * 3)
    assert lost(outcomes) == []
    assert sorted(outcome.changed for outcome in outcomes) == [False, False, True]  # type: ignore[attr-defined]
    assert len({outcome.approval.approval_id for outcome in outcomes}) == 1  # type: ignore[attr-defined]
