"""Policy revisions: one in force at a time, every change approved by two and recorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import orjson
import psycopg
import pytest

from shared.approvals import errors
from shared.approvals.model import Approval, Reason, ReasonCode
from shared.identity.authority import PermissionMissing
from shared.kernel.call import Call
from shared.kernel.db import Login, Tx
from shared.policy import service
from shared.policy.plan import Change
from shared.policy.service import (
    ApprovalNeeded,
    NothingActive,
    OnActivated,
    Permission,
    Policy,
    revision_of,
)
from tests.support.fix_db import EVERYTHING, World
from tests.support.fix_worlds import census

NONE = "0" * 64
WHY = Reason(ReasonCode.RELEASE, "a test")


@pytest.fixture
def plain(shared_world: World) -> World:
    """A world in which no revision was ever activated and nothing was asked for."""
    with shared_world.connect() as admin:
        admin.execute("DELETE FROM ops.policy_revision")
        admin.execute("DELETE FROM ops.approval")
    return shared_world


def saying(title: str) -> bytes:
    """A policy document with one contract of that title."""
    return orjson.dumps({"policy": "ingest", "contracts": {"a.v1": {"title": title}}})


ONE, TWO, THREE = saying("one"), saying("two"), saying("three")


def release(world: World, document: bytes, *follow: OnActivated) -> Policy:
    """The policy service of a release that carries ``document``."""
    services = world.services
    return Policy(
        services.database(Login.CONTROL),
        services.database(Login.DATA),
        document,
        services.approvals,
        follow,
    )


def approved(world: World, policy: Policy) -> str:
    """Ask for what the release carries and approve it; return the approval."""
    asked = policy.propose(world.operator(), WHY).approval
    assert asked is not None
    approve(world, asked)
    return asked.approval_id


def approve(world: World, asked: Approval) -> None:
    world.services.approvals.approve(world.approver(), asked.approval_id, asked.plan_digest, WHY)


def activate(world: World, policy: Policy, call: Call | None = None) -> bool:
    """Propose, approve and activate, as two people do."""
    return policy.activate(call or world.operator(), approved(world, policy))


def boundaries(world: World, *calls: Call) -> list[tuple[str, str]]:
    """The recorded changes of some calls as (previous, revision), in ledger order."""
    return world.rows(
        "SELECT body::jsonb #>> '{attributes,previous}', body::jsonb #>> '{attributes,revision}'"
        " FROM ops.fact WHERE name = 'policy:revision:activated'"
        " AND body::jsonb ->> 'call_id' = ANY(%s) ORDER BY seq",
        [call.call_id for call in calls],
    )


def states(world: World) -> dict[str, str]:
    return dict(world.rows("SELECT policy_rev, state FROM ops.policy_revision"))


class TestBoundaries:
    def test_before_the_first_activation_nothing_is_in_force(self, plain: World) -> None:
        """Fail closed on a missing policy revision (002-R15)."""
        with pytest.raises(NothingActive):
            release(plain, ONE).active(plain.operator())

    def test_activation_is_a_boundary_and_a_repeat_is_none(self, plain: World) -> None:
        """002-R14: POLICY_REV_CHANGED is recorded once, with both sides."""
        one = release(plain, ONE)
        first, again = plain.operator(), plain.operator()
        approval_id = approved(plain, one)

        done = one.activate(first, approval_id), one.activate(again, approval_id)
        assert done == (True, False)
        assert boundaries(plain, first, again) == [(NONE, one.shipped)]
        found = one.active(plain.operator())
        assert (found.active, found.in_step) == (revision_of(ONE), True)

    def test_the_release_before_learns_that_it_is_out_of_step(self, plain: World) -> None:
        one, two = release(plain, ONE), release(plain, TWO)
        activate(plain, one)
        activate(plain, two)

        assert one.active(plain.operator()).in_step is False
        assert states(plain) == {one.shipped: "superseded", two.shipped: "active"}

    def test_going_back_is_a_boundary_like_any_other(self, plain: World) -> None:
        """002-R16: an earlier revision returns, and what was recorded before it stays."""
        one, two = release(plain, ONE), release(plain, TWO)
        calls = [plain.operator() for _ in range(3)]
        for policy, call in zip((one, two, one), calls, strict=True):
            activate(plain, policy, call)

        assert states(plain) == {one.shipped: "active", two.shipped: "superseded"}
        assert boundaries(plain, *calls) == [
            (NONE, one.shipped),
            (one.shipped, two.shipped),
            (two.shipped, one.shipped),
        ]

    def test_the_boundary_names_its_approval(self, plain: World) -> None:
        one, call = release(plain, ONE), plain.operator()
        approval_id = approved(plain, one)
        one.activate(call, approval_id)
        found = plain.rows(
            "SELECT name, body::jsonb #>> '{attributes,approval_id}' FROM ops.fact"
            " WHERE body::jsonb ->> 'call_id' = %s ORDER BY name",
            call.call_id,
        )
        assert found == [
            ("approvals:request:took_effect", approval_id),
            ("policy:revision:activated", approval_id),
        ]

    def test_many_at_once_leave_one_active_and_one_chain_of_boundaries(self, plain: World) -> None:
        """002-R14: each change names what it replaced, also when releases race."""
        documents = [saying(title) for title in "abcdabcd"]
        calls = [plain.operator() for _ in documents]
        barrier = Barrier(4)

        def compete(document: bytes, call: Call) -> bool:
            policy = release(plain, document)
            barrier.wait()
            try:
                asked = policy.propose(plain.operator(), WHY).approval
                if asked is not None and asked.state == "proposed":
                    approve(plain, asked)
                return policy.activate(call, asked and asked.approval_id)
            except (ApprovalNeeded, errors.PlanStale, errors.NotOpen):
                # Somebody changed the policy between the approval and its use.
                return False

        with ThreadPoolExecutor(4) as pool:
            changed = list(pool.map(compete, documents, calls))
        chain = boundaries(plain, *calls)
        assert len(chain) == sum(changed) > 0
        # Identity numbers are taken inside the lock, so ledger order is the order of boundaries.
        rest = [revision for _, revision in chain[:-1]]
        assert [previous for previous, _ in chain] == [NONE, *rest]
        active = [rev for rev, state in states(plain).items() if state == "active"]
        assert active == [chain[-1][1]]

    def test_postgres_itself_refuses_a_second_active_revision(self, plain: World) -> None:
        activate(plain, release(plain, ONE))

        with (
            plain.connect(Login.CONTROL) as control,
            pytest.raises(psycopg.IntegrityError) as refused,
        ):
            control.execute(
                "INSERT INTO ops.policy_revision VALUES (%s, '', 'active', now(), 'x', NULL)",
                ("f" * 64,),
            )
        assert refused.value.diag.constraint_name == "policy_revision_one_active"


class TestApproval:
    """Design 2.6: nothing comes into force that two people did not agree on."""

    def test_nobody_activates_alone_not_even_the_first_time(self, plain: World) -> None:
        one = release(plain, ONE)
        with pytest.raises(ApprovalNeeded):
            one.activate(plain.operator())
        asked = one.propose(plain.operator(), WHY).approval
        assert asked is not None
        with pytest.raises(errors.NotApproved):
            one.activate(plain.operator(), asked.approval_id)
        with pytest.raises(errors.SecondPersonNeeded):
            plain.services.approvals.approve(
                plain.operator(), asked.approval_id, asked.plan_digest, WHY
            )
        assert states(plain) == {}

    def test_the_approver_sees_what_changes(self, plain: World) -> None:
        activate(plain, release(plain, ONE))
        asked = release(plain, TWO).propose(plain.operator(), WHY).approval
        assert asked is not None
        assert orjson.loads(asked.plan) == {
            "from": revision_of(ONE),
            "to": revision_of(TWO),
            "contracts": {"added": [], "removed": [], "changed": {"a.v1": ["title"]}},
        }

    def test_what_is_in_force_needs_neither_proposal_nor_approval(self, plain: World) -> None:
        one = release(plain, ONE)
        activate(plain, one)
        assert one.propose(plain.operator(), WHY).approval is None
        assert one.activate(plain.operator()) is False

    def test_an_approval_of_a_change_from_another_revision_is_stale(self, plain: World) -> None:
        """Peers 2.4: the plan is computed again where it takes effect."""
        two = release(plain, TWO)
        approval_id = approved(plain, two)
        activate(plain, release(plain, ONE))
        with pytest.raises(errors.PlanStale):
            two.activate(plain.operator(), approval_id)
        assert states(plain) == {revision_of(ONE): "active"}

    def test_an_approval_of_another_release_is_stale(self, plain: World) -> None:
        approval_id = approved(plain, release(plain, ONE))
        with pytest.raises(errors.PlanStale):
            release(plain, TWO).activate(plain.operator(), approval_id)

    def test_an_approval_is_used_once(self, plain: World) -> None:
        """Going there a second time is another decision, even along the same way."""
        one, two = release(plain, ONE), release(plain, TWO)
        activate(plain, one)
        approval_id = approved(plain, two)
        two.activate(plain.operator(), approval_id)
        activate(plain, one)
        with pytest.raises(errors.NotOpen):
            two.activate(plain.operator(), approval_id)

    def test_an_approval_that_has_expired_activates_nothing(self, world: World) -> None:
        two = release(world, TWO)
        approval_id = approved(world, two)
        world.clock.advance(days=7)
        with pytest.raises(errors.Expired):
            two.activate(world.operator(), approval_id)

    def test_a_plan_writes_nothing(self, plain: World) -> None:
        """Peers 2.4: a dry run has no side effect."""
        before = census(plain)
        found = release(plain, ONE).plan(plain.operator())
        assert isinstance(found, Change)
        assert found.due
        assert census(plain) == before

    def test_what_follows_an_activation_commits_with_it(self, plain: World) -> None:
        seen: list[tuple[str, Any]] = []

        class Broken(Exception):
            pass

        def follow(tx: Tx, _call: Call, revision: str) -> None:
            seen.append((revision, tx.value(service._sql.active_revision)))

        def fail(_tx: Tx, _call: Call, _revision: str) -> None:
            raise Broken

        one = release(plain, ONE, follow, fail)
        approval_id = approved(plain, one)
        with pytest.raises(Broken):
            one.activate(plain.operator(), approval_id)
        assert states(plain) == {}
        assert release(plain, ONE, follow).activate(plain.operator(), approval_id)
        assert seen == [(one.shipped, one.shipped)] * 2

    def test_two_who_use_one_approval_change_the_policy_once(self, plain: World) -> None:
        one = release(plain, ONE)
        approval_id = approved(plain, one)
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda _: one.activate(plain.operator(), approval_id), range(2)))
        assert sorted(done) == [False, True]


def test_an_activation_waits_for_the_one_before_it_and_sees_it(plain: World) -> None:
    """002-R14: what is approved is a way from one revision to another; the way is gone."""
    one, three = release(plain, ONE), release(plain, THREE)
    activate(plain, one)
    approval_id = approved(plain, three)
    two, call = "f" * 64, plain.operator()

    with (
        plain.connect(Login.CONTROL) as rival,
        plain.connect() as admin,
        ThreadPoolExecutor(1) as pool,
    ):
        with rival.transaction():
            rival.execute(service._sql.lock_revisions)
            rival.execute(service._sql.supersede_revision, {"now": call.now})
            rival.execute(
                service._sql.activate_revision,
                {"policy_rev": two, "document": TWO.decode(), "now": call.now, "by": "x"},
            )
            activating = pool.submit(three.activate, call, approval_id)
            while not admin.execute(
                "SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchall():
                assert not activating.done()
        with pytest.raises(errors.PlanStale):
            activating.result()
    assert boundaries(plain, call) == []


@pytest.mark.parametrize("permission", Permission)
def test_nothing_works_without_its_permission(plain: World, permission: Permission) -> None:
    """002-R7."""
    policy = release(plain, ONE)
    asked = policy.propose(plain.operator(), WHY).approval
    assert asked is not None
    methods = {
        Permission.REVISION_READ: [policy.active, policy.plan],
        Permission.REVISION_PROPOSE: [lambda call: policy.propose(call, WHY)],
        Permission.REVISION_APPROVE: [
            lambda call: plain.services.approvals.deny(call, asked.approval_id, WHY)
        ],
        Permission.REVISION_ACTIVATE: [policy.activate],
    }[permission]

    for method in methods:
        for permissions in (frozenset[str](), EVERYTHING - {permission}):
            with pytest.raises(PermissionMissing):
                method(plain.operator(permissions))
    assert states(plain) == {}
