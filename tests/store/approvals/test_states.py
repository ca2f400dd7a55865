"""Any order of requests, decisions, executions and time: table, facts and model agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from shared.approvals import errors
from shared.approvals.model import Plan
from shared.identity.roles import GRANTS, Role
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.db import Login
from shared.kernel.errors import OpsError
from tests.support.approving import (
    KIND,
    WHY,
    a_person,
    a_plan,
    another,
    propose,
    stored,
    take,
    told,
)
from tests.support.fix_db import OWNER, World

OTHERS = ("00000000-0000-4000-8000-0000000000a1", "00000000-0000-4000-8000-0000000000a2")
PEOPLE = st.sampled_from((OWNER, *OTHERS))
OPEN = ("proposed", "approved")


@dataclass
class Modelled:
    """One approval as it should be."""

    approval_id: str
    plan: Plan
    asked_by: str
    until: datetime
    state: str = "proposed"
    decided_by: str | None = None
    facts: list[str] = field(default_factory=lambda: ["proposed"])

    def at(self, now: datetime) -> str:
        return "expired" if self.state in OPEN and now >= self.until else self.state

    def move(self, state: str, fact: str | None = None) -> None:
        self.state = state
        self.facts.append(fact or state)


class Crash(Exception):
    """The process ends before it commits."""


class Machine(RuleBasedStateMachine):
    """Three platform owners, two plans about one thing, and a clock."""

    world: ClassVar[World]
    approvals = Bundle("approvals")

    def __init__(self) -> None:
        super().__init__()
        first = a_plan()
        self.plans = (first, another(first))
        self.known: list[Modelled] = []

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def call(self, who: str) -> Call:
        actor = Actor(SourceType.HUMAN, who, AuthMode.TOKEN, GRANTS[Role.PLATFORM_OWNER])
        return self.world.services.call(actor)

    def attempt(self, doing: Callable[[], object], expected: type[OpsError] | None) -> None:
        if expected is None:
            doing()
            return
        with pytest.raises(OpsError) as refused:
            doing()
        assert type(refused.value) is expected

    @rule(target=approvals, who=PEOPLE, which=st.integers(0, 1))
    def ask(self, who: str, which: int):
        plan = self.plans[which]
        held = [m for m in self.known if m.plan == plan and m.state in OPEN]
        done = propose(self.world, plan, self.call(who))
        if held and held[0].at(self.now) in OPEN:
            assert (done.changed, done.approval.approval_id) == (False, held[0].approval_id)
            return multiple()
        for overdue in held:
            overdue.move("expired")
        assert done.changed
        found = Modelled(done.approval.approval_id, plan, who, self.now + KIND.lives)
        self.known.append(found)
        return found

    @rule(about=approvals, who=PEOPLE, yes=st.booleans(), saw_it=st.booleans())
    def decide(self, about: Modelled, who: str, yes: bool, saw_it: bool) -> None:
        approvals, state = self.world.services.approvals, about.at(self.now)
        verdict = "approved" if yes else "denied"
        so = {"approved": ("approved", "effective"), "denied": ("denied",)}[verdict]
        expected: type[OpsError] | None = None
        moves = False
        if who == about.asked_by:
            expected = errors.SecondPersonNeeded
        elif yes and not saw_it:
            expected = errors.PlanDiffers
        elif state in so and about.decided_by == who:
            pass
        elif state == "expired":
            expected = errors.Expired
        elif state not in OPEN:
            expected = errors.NotOpen
        elif state == "approved":
            expected = errors.AlreadyDecided
        else:
            moves = True
        quoted = about.plan.digest[:12] if saw_it else "0" * 12
        name = about.approval_id
        self.attempt(
            lambda: (
                approvals.approve(self.call(who), name, quoted, WHY)
                if yes
                else approvals.deny(self.call(who), name, WHY)
            ),
            expected,
        )
        if moves:
            about.decided_by = who
            about.move(verdict)

    @rule(about=approvals, who=PEOPLE)
    def withdraw(self, about: Modelled, who: str) -> None:
        state = about.at(self.now)
        expected: type[OpsError] | None = None
        if who not in (about.asked_by, about.decided_by):
            expected = errors.NotTheirs
        elif state == "expired":
            expected = errors.Expired
        elif state not in (*OPEN, "withdrawn"):
            expected = errors.NotOpen
        approvals = self.world.services.approvals
        self.attempt(lambda: approvals.withdraw(self.call(who), about.approval_id), expected)
        if expected is None and state != "withdrawn":
            about.move("withdrawn")

    @rule(about=approvals, who=PEOPLE, stale=st.booleans())
    def execute(self, about: Modelled, who: str, stale: bool) -> None:
        plan = another(about.plan) if stale else about.plan
        stale = plan != about.plan
        expected = self.refusal(about) or (errors.PlanStale if stale else None)
        self.attempt(lambda: take(self.world, about.approval_id, plan, self.call(who)), expected)
        if expected is None:
            about.move("effective", "took_effect")

    @rule(about=approvals)
    def crash_while_executing(self, about: Modelled) -> None:
        call = self.call(OWNER)

        def crash() -> None:
            with self.world.services.database(Login.CONTROL).transaction(call) as tx:
                self.world.services.approvals.take(tx, call, KIND, about.approval_id, about.plan)
                raise Crash

        try:
            self.attempt(crash, self.refusal(about))
        except Crash:
            assert self.refusal(about) is None

    def refusal(self, about: Modelled) -> type[OpsError] | None:
        state = about.at(self.now)
        return {
            "proposed": errors.NotApproved,
            "approved": None,
            "expired": errors.Expired,
        }.get(state, errors.NotOpen)

    @rule(hours=st.integers(1, 5))
    def wait(self, hours: int) -> None:
        self.world.clock.advance(hours=hours)

    @rule()
    def tick(self) -> None:
        self.world.services.approvals.expire(self.world.services.timer_call())
        for overdue in self.known:
            if overdue.state in OPEN and overdue.at(self.now) == "expired":
                overdue.move("expired")

    @invariant()
    def the_table_and_the_ledger_say_what_the_model_says(self) -> None:
        for one in self.known[-2:]:
            assert stored(self.world, one.approval_id) == one.state

    def teardown(self) -> None:
        for one in self.known:
            assert stored(self.world, one.approval_id) == one.state
            assert told(self.world, one.approval_id) == one.facts


def test_no_order_of_events_leads_astray(shared_world: World) -> None:
    for person in OTHERS:
        a_person(shared_world, person)
    Machine.world = shared_world
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
