"""Approvals as people meet them: who may ask, decide and execute, and what stops the rest."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from shared.approvals import errors
from shared.approvals.kinds import ApprovalKind
from shared.approvals.model import Reason, ReasonCode, State
from shared.approvals.vocabulary import Permission
from shared.identity.authority import PermissionMissing
from shared.identity.roles import Role
from shared.kernel.call import Call, SourceType
from shared.kernel.db import Login
from tests.support.approving import (
    KIND,
    OTHER_KIND,
    TEXT,
    WHY,
    a_person,
    a_plan,
    another,
    approve,
    propose,
    stored,
    take,
    told,
)
from tests.support.fix_db import APPROVER, EVERYTHING, OWNER, World
from tests.support.fix_worlds import told as said


@pytest.fixture
def somebody() -> str:
    return str(uuid.uuid4())


def machine(call: Call) -> Call:
    """The same caller, with the credential of a service."""
    return replace(call, actor=replace(call.actor, source_type=SourceType.SYSTEM))


class TestAsking:
    def test_what_is_asked_for_is_kept_as_it_was_shown(self, shared_world: World) -> None:
        plan = a_plan()
        done = propose(shared_world, plan)
        found = shared_world.services.approvals.find(
            shared_world.operator(), done.approval.approval_id
        )
        assert done.changed
        assert found == done.approval
        assert (found.plan, found.plan_digest, found.state) == (plan.text, plan.digest, "proposed")
        assert found.requested_by == OWNER
        assert found.expires_at - found.requested_at == KIND.lives

    def test_asking_again_returns_what_is_open(self, shared_world: World, somebody: str) -> None:
        plan = a_plan()
        first = propose(shared_world, plan).approval
        again = propose(shared_world, plan, a_person(shared_world, somebody))
        assert (again.approval.approval_id, again.changed) == (first.approval_id, False)
        approve(shared_world, first)
        assert propose(shared_world, plan).approval.state == State.APPROVED
        assert told(shared_world, first.approval_id) == ["proposed", "approved"]

    def test_another_plan_or_one_that_has_ended_is_asked_for_anew(
        self, shared_world: World
    ) -> None:
        plan = a_plan()
        first = propose(shared_world, plan).approval
        assert propose(shared_world, another(plan)).changed
        shared_world.services.approvals.deny(shared_world.approver(), first.approval_id, WHY)
        assert propose(shared_world, plan).changed

    def test_a_request_says_why(self, shared_world: World) -> None:
        for text in ("", "  "):
            with pytest.raises(errors.ReasonUnfit):
                propose(shared_world, a_plan(), why=Reason(ReasonCode.SUPPORT, text))

    def test_a_service_cannot_ask(self, shared_world: World) -> None:
        """Design 3: approval demands HUMAN."""
        with pytest.raises(errors.HumanNeeded):
            propose(shared_world, a_plan(), machine(shared_world.operator()))

    def test_a_kind_says_who_may_ask(self, shared_world: World) -> None:
        with pytest.raises(PermissionMissing):
            propose(shared_world, a_plan(), shared_world.operator(EVERYTHING - {KIND.propose}))
        with pytest.raises(PermissionMissing):
            propose(shared_world, a_plan(), shared_world.approver())


class TestDeciding:
    def test_approve_and_deny_are_told_apart(self, shared_world: World) -> None:
        """Peers 2.4: both decisions are events of their own."""
        yes, no = (propose(shared_world, a_plan()).approval for _ in range(2))
        approve(shared_world, yes)
        done = shared_world.services.approvals.deny(
            shared_world.approver(), no.approval_id, Reason(ReasonCode.SECURITY)
        )
        assert (done.approval.decided_by, done.approval.decision_code) == (APPROVER, "SECURITY")
        assert told(shared_world, yes.approval_id) == ["proposed", "approved"]
        assert told(shared_world, no.approval_id) == ["proposed", "denied"]

    def test_nobody_decides_on_what_they_asked_for(
        self, shared_world: World, somebody: str
    ) -> None:
        """The owner may decide, and not on this."""
        wanted = propose(shared_world, a_plan()).approval
        approvals = shared_world.services.approvals
        for decide in (
            lambda call: approvals.approve(call, wanted.approval_id, wanted.plan_digest, WHY),
            lambda call: approvals.deny(call, wanted.approval_id, WHY),
        ):
            with pytest.raises(errors.SecondPersonNeeded):
                decide(shared_world.operator())
        assert told(shared_world, wanted.approval_id) == ["proposed"]
        theirs = propose(shared_world, a_plan(), a_person(shared_world, somebody)).approval
        assert approvals.deny(shared_world.operator(), theirs.approval_id, WHY).changed

    def test_a_service_cannot_decide(self, shared_world: World) -> None:
        wanted = propose(shared_world, a_plan()).approval
        with pytest.raises(errors.HumanNeeded):
            shared_world.services.approvals.deny(
                machine(shared_world.approver()), wanted.approval_id, WHY
            )

    def test_a_permission_without_a_role_in_the_database_decides_nothing(
        self, shared_world: World, somebody: str
    ) -> None:
        """Whoever was revoked, disabled or never registered, whatever the call carries."""
        wanted = propose(shared_world, a_plan()).approval
        officer = a_person(shared_world, somebody, Role.SECURITY_OFFICER)
        stranger = replace(officer, actor=replace(officer.actor, subject=str(uuid.uuid4())))
        provisioning, owner = shared_world.services.provisioning, shared_world.operator()
        approvals = shared_world.services.approvals

        def refused(call: Call) -> bool:
            try:
                approvals.deny(call, wanted.approval_id, WHY)
            except PermissionMissing:
                return True
            return False

        assert refused(stranger)
        provisioning.set_principal_status(owner, "user", somebody, "disabled")
        assert refused(officer)
        provisioning.set_principal_status(owner, "user", somebody, "active")
        provisioning.revoke_role(owner, somebody, Role.SECURITY_OFFICER)
        assert refused(officer)
        provisioning.grant_role(owner, somebody, Role.SECURITY_OFFICER)
        assert not refused(officer)

    def test_a_role_of_a_service_principal_decides_nothing(
        self, shared_world: World, somebody: str
    ) -> None:
        """A token that says person for what was registered as a service."""
        wanted = propose(shared_world, a_plan()).approval
        provisioning, owner = shared_world.services.provisioning, shared_world.operator()
        provisioning.create_principal(owner, "service", somebody, "service")
        provisioning.grant_role(owner, somebody, Role.SECURITY_OFFICER)
        call = shared_world.approver()
        call = replace(call, actor=replace(call.actor, subject=somebody))
        with pytest.raises(PermissionMissing):
            shared_world.services.approvals.deny(call, wanted.approval_id, WHY)

    def test_an_approver_quotes_the_plan_that_was_shown(self, shared_world: World) -> None:
        wanted = propose(shared_world, a_plan()).approval
        approvals, call = shared_world.services.approvals, shared_world.approver()
        for quote in (wanted.plan_digest[:11], "0" * 12, "", wanted.plan_digest + "0"):
            with pytest.raises(errors.PlanDiffers):
                approvals.approve(call, wanted.approval_id, quote, WHY)
        assert approvals.approve(call, wanted.approval_id, wanted.plan_digest[:12], WHY).changed

    def test_the_same_decision_again_changes_nothing(self, shared_world: World) -> None:
        wanted = propose(shared_world, a_plan()).approval
        first = approve(shared_world, wanted)
        again = shared_world.services.approvals.approve(
            shared_world.approver(),
            wanted.approval_id,
            wanted.plan_digest,
            Reason(ReasonCode.RELEASE),
        )
        assert (again.approval, again.changed) == (first, False)
        assert told(shared_world, wanted.approval_id) == ["proposed", "approved"]

    def test_another_decision_is_a_conflict(self, shared_world: World, somebody: str) -> None:
        yes, no = (propose(shared_world, a_plan()).approval for _ in range(2))
        approvals = shared_world.services.approvals
        approve(shared_world, yes)
        approvals.deny(shared_world.approver(), no.approval_id, WHY)
        third = a_person(shared_world, somebody)
        with pytest.raises(errors.AlreadyDecided):
            approvals.deny(shared_world.approver(), yes.approval_id, WHY)
        with pytest.raises(errors.AlreadyDecided):
            approvals.approve(third, yes.approval_id, yes.plan_digest, WHY)
        with pytest.raises(errors.NotOpen):
            approve(shared_world, no)
        with pytest.raises(errors.NotOpen):
            approvals.deny(third, no.approval_id, WHY)

    def test_a_kind_that_this_release_does_not_know_is_not_decided_on(
        self, shared_world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = propose(shared_world, a_plan()).approval
        monkeypatch.delitem(ApprovalKind.registry, KIND.name)
        with pytest.raises(errors.KindUnknown):
            approve(shared_world, wanted)


class TestWithdrawing:
    def test_who_asked_and_who_approved_can_take_it_back(self, shared_world: World) -> None:
        approvals = shared_world.services.approvals
        for call in (shared_world.operator(), shared_world.approver()):
            plan = a_plan()
            wanted = propose(shared_world, plan).approval
            approve(shared_world, wanted)
            assert approvals.withdraw(call, wanted.approval_id).changed
            assert not approvals.withdraw(call, wanted.approval_id).changed
            with pytest.raises(errors.NotOpen):
                take(shared_world, wanted.approval_id, plan)
            assert told(shared_world, wanted.approval_id) == ["proposed", "approved", "withdrawn"]

    def test_nobody_else_can(self, shared_world: World, somebody: str) -> None:
        wanted = propose(shared_world, a_plan()).approval
        for call in (shared_world.approver(), a_person(shared_world, somebody)):
            with pytest.raises(errors.NotTheirs):
                shared_world.services.approvals.withdraw(call, wanted.approval_id)

    def test_what_took_effect_stays(self, shared_world: World) -> None:
        plan = a_plan()
        wanted = propose(shared_world, plan).approval
        approve(shared_world, wanted)
        take(shared_world, wanted.approval_id, plan)
        with pytest.raises(errors.NotOpen):
            shared_world.services.approvals.withdraw(shared_world.operator(), wanted.approval_id)


class TestTaking:
    def test_it_takes_effect_once(self, shared_world: World) -> None:
        plan = a_plan()
        wanted = propose(shared_world, plan).approval
        approve(shared_world, wanted)
        done = take(shared_world, wanted.approval_id, plan)
        assert (done.state, done.ended_by) == ("effective", f"HUMAN::{OWNER}")
        with pytest.raises(errors.NotOpen):
            take(shared_world, wanted.approval_id, plan)
        assert told(shared_world, wanted.approval_id) == ["proposed", "approved", "took_effect"]

    def test_the_evidence_names_all_three_people(self, shared_world: World, somebody: str) -> None:
        plan = a_plan()
        wanted = propose(shared_world, plan).approval
        approve(shared_world, wanted)
        take(shared_world, wanted.approval_id, plan, a_person(shared_world, somebody))
        rows = shared_world.rows(
            "SELECT actor_id, body::jsonb #>> '{attributes,requested_by}',"
            " body::jsonb #>> '{attributes,approved_by}' FROM ops.fact"
            " WHERE name = 'approvals:request:took_effect'"
            " AND body::jsonb #>> '{attributes,approval_id}' = %s",
            wanted.approval_id,
        )
        assert rows == [(f"HUMAN::{somebody}", OWNER, APPROVER)]

    def test_nothing_happens_that_nobody_approved(self, shared_world: World) -> None:
        plan = a_plan()
        wanted = propose(shared_world, plan).approval
        with pytest.raises(errors.NotApproved):
            take(shared_world, wanted.approval_id, plan)
        shared_world.services.approvals.deny(shared_world.approver(), wanted.approval_id, WHY)
        with pytest.raises(errors.NotOpen):
            take(shared_world, wanted.approval_id, plan)

    def test_another_plan_subject_or_kind_is_refused(self, shared_world: World) -> None:
        """Peers 2.4: what was approved is what happens."""
        plan = a_plan()
        wanted = propose(shared_world, plan).approval
        approve(shared_world, wanted)
        for wrong in (another(plan), replace(plan, subject="another")):
            with pytest.raises(errors.PlanStale):
                take(shared_world, wanted.approval_id, wrong)
        call = shared_world.operator()
        with (
            pytest.raises(errors.ApprovalUnknown),
            shared_world.services.database(Login.CONTROL).transaction(call) as tx,
        ):
            shared_world.services.approvals.take(tx, call, OTHER_KIND, wanted.approval_id, plan)
        assert stored(shared_world, wanted.approval_id) == "approved"

    def test_an_approval_counts_as_long_as_its_approver_does(
        self, shared_world: World, somebody: str
    ) -> None:
        plan = a_plan()
        wanted = propose(shared_world, plan).approval
        officer = a_person(shared_world, somebody, Role.SECURITY_OFFICER)
        approvals = shared_world.services.approvals
        approvals.approve(officer, wanted.approval_id, wanted.plan_digest, WHY)
        provisioning, owner = shared_world.services.provisioning, shared_world.operator()
        provisioning.set_principal_status(owner, "user", somebody, "disabled")
        with pytest.raises(errors.ApproverGone):
            take(shared_world, wanted.approval_id, plan)
        approvals.withdraw(owner, wanted.approval_id)
        assert propose(shared_world, plan).changed

    def test_a_crash_before_the_commit_leaves_it_approved(self, shared_world: World) -> None:
        """The effect and the state commit together, or not at all."""
        plan = a_plan()
        wanted = propose(shared_world, plan).approval
        approve(shared_world, wanted)
        call = shared_world.operator()

        class Crash(Exception):
            pass

        def crash() -> None:
            with shared_world.services.database(Login.CONTROL).transaction(call) as tx:
                shared_world.services.approvals.take(tx, call, KIND, wanted.approval_id, plan)
                raise Crash

        with pytest.raises(Crash):
            crash()
        assert stored(shared_world, wanted.approval_id) == "approved"
        assert told(shared_world, wanted.approval_id) == ["proposed", "approved"]
        assert take(shared_world, wanted.approval_id, plan).state == "effective"


class TestExpiry:
    def test_time_counts_at_every_use_and_not_when_a_timer_runs(self, world: World) -> None:
        plans = [a_plan() for _ in range(2)]
        proposed, approved = (propose(world, plan).approval for plan in plans)
        approve(world, approved)
        world.clock.advance(hours=8)
        approvals = world.services.approvals
        for use in (
            lambda: approve(world, proposed),
            lambda: approvals.deny(world.approver(), proposed.approval_id, WHY),
            lambda: approvals.withdraw(world.operator(), proposed.approval_id),
            lambda: approve(world, approved),
            lambda: take(world, approved.approval_id, plans[1]),
        ):
            with pytest.raises(errors.Expired):
                use()
        assert approvals.find(world.operator(), proposed.approval_id).state == State.EXPIRED
        assert stored(world, proposed.approval_id) == "proposed"

    def test_the_timer_writes_it_down_once_with_a_fact_each(self, world: World) -> None:
        wanted = [propose(world, a_plan()).approval for _ in range(3)]
        approve(world, wanted[0])
        approvals = world.services.approvals
        assert approvals.expire(world.services.timer_call()) == 0
        world.clock.advance(hours=9)
        timer = world.services.timer_call()
        assert [approvals.expire(timer), approvals.expire(timer)] == [3, 0]
        assert told(world, wanted[0].approval_id) == ["proposed", "approved", "expired"]
        assert told(world, wanted[1].approval_id) == ["proposed", "expired"]
        found = approvals.find(world.operator(), wanted[0].approval_id)
        assert (found.state, found.ended_by) == ("expired", "SYSTEM::opsplane.timer")

    def test_a_timer_takes_a_batch_and_the_rest_waits(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            propose(world, a_plan())
        world.clock.advance(hours=9)
        monkeypatch.setattr("shared.approvals.service._BATCH", 2)
        timer = world.services.timer_call()
        assert [world.services.approvals.expire(timer) for _ in range(3)] == [2, 1, 0]

    def test_what_is_overdue_does_not_stand_in_the_way_of_asking_again(self, world: World) -> None:
        plan = a_plan()
        first = propose(world, plan).approval
        world.clock.advance(hours=9)
        second = propose(world, plan)
        assert second.changed
        assert second.approval.approval_id != first.approval_id
        assert told(world, first.approval_id) == ["proposed", "expired"]


class TestReading:
    def test_open_ones_come_first_and_states_are_as_of_now(self, world: World) -> None:
        old = propose(world, a_plan()).approval
        world.clock.advance(hours=7)
        first, ended = (propose(world, a_plan()).approval for _ in range(2))
        world.services.approvals.deny(world.approver(), ended.approval_id, WHY)
        world.clock.advance(hours=2)

        def listed(state: State | None = None) -> list[tuple[str, str]]:
            found = world.services.approvals.newest(world.operator(), state)
            return [(one.approval_id, one.state) for one in found if one.kind == KIND.name]

        assert listed() == [
            (first.approval_id, "proposed"),
            (ended.approval_id, "denied"),
            (old.approval_id, "expired"),
        ]
        assert listed(State.EXPIRED) == [(old.approval_id, "expired")]
        assert listed(State.PROPOSED) == [(first.approval_id, "proposed")]

    def test_what_is_not_there_is_missing(self, shared_world: World) -> None:
        call = shared_world.operator()
        for name in ("apr_01kahd0w000000000000000009", "nonsense", ""):
            with pytest.raises(errors.ApprovalUnknown):
                shared_world.services.approvals.find(call, name)
            with pytest.raises(errors.ApprovalUnknown):
                shared_world.services.approvals.deny(shared_world.approver(), name, WHY)

    @pytest.mark.parametrize("permission", Permission)
    def test_no_method_works_without_its_permission(
        self, shared_world: World, permission: Permission
    ) -> None:
        """002-R7."""
        approvals, name = shared_world.services.approvals, "apr_01kahd0w000000000000000009"
        methods = {
            Permission.REQUEST_READ: [
                lambda call: approvals.find(call, name),
                approvals.newest,
            ],
            Permission.REQUEST_DECIDE: [
                lambda call: approvals.approve(call, name, "0" * 12, WHY),
                lambda call: approvals.deny(call, name, WHY),
            ],
            Permission.REQUEST_WITHDRAW: [lambda call: approvals.withdraw(call, name)],
            Permission.REQUEST_EXPIRE: [approvals.expire],
        }[permission]
        for method in methods:
            with pytest.raises(PermissionMissing):
                method(shared_world.operator(EVERYTHING - {permission}))


def test_why_somebody_asked_is_in_the_row_and_nowhere_else(world: World) -> None:
    """D23: the text may name a person; no fact, error or list holds it."""
    plan = a_plan()
    wanted = propose(world, plan).approval
    told_off = []
    for use in (
        lambda: world.services.approvals.deny(world.operator(), wanted.approval_id, WHY),
        lambda: take(world, wanted.approval_id, plan),
    ):
        with pytest.raises((errors.SecondPersonNeeded, errors.NotApproved)) as refused:
            use()
        told_off.append(said(refused.value))
    approve(world, wanted)
    take(world, wanted.approval_id, plan)
    assert TEXT not in "".join(told_off)
    assert world.rows("SELECT count(*) FROM ops.fact WHERE body LIKE %s", f"%{TEXT}%") == [(0,)]
    found = world.services.approvals.find(world.operator(), wanted.approval_id)
    assert (found.reason_text, found.decision_text) == (TEXT, TEXT)


def test_an_approval_about_a_tenant_is_told_in_that_tenants_ledger(shared_world: World) -> None:
    inside = shared_world.operator().for_tenant(shared_world.tenants["north"])
    wanted = propose(shared_world, a_plan(), inside).approval
    assert wanted.tenant_id == shared_world.tenants["north"]
    approve(shared_world, wanted)
    rows = shared_world.rows(
        "SELECT DISTINCT tenant_id FROM ops.fact WHERE name LIKE 'approvals:%%'"
        " AND body::jsonb #>> '{attributes,approval_id}' = %s",
        wanted.approval_id,
    )
    assert rows == [(shared_world.tenants["north"],)]
