"""Policy revisions: one in force at a time, every change an explicit, recorded boundary."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from shared.identity.authority import PermissionMissing
from shared.kernel.call import Call
from shared.kernel.db import Login
from shared.policy import service
from shared.policy.service import NothingActive, Permission, Policy, revision_of
from tests.support.fix_db import EVERYTHING, World

NONE = "0" * 64


@pytest.fixture
def plain(shared_world: World) -> World:
    """A world in which no revision was ever activated."""
    with shared_world.connect() as admin:
        admin.execute("DELETE FROM ops.policy_revision")
    return shared_world


def release(world: World, document: bytes) -> Policy:
    """The policy service of a release that carries ``document``."""
    services = world.services
    return Policy(services.database(Login.CONTROL), services.database(Login.DATA), document)


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


def test_before_the_first_activation_nothing_is_in_force(plain: World) -> None:
    """Fail closed on a missing policy revision (002-R15)."""
    with pytest.raises(NothingActive):
        release(plain, b"one").active(plain.operator())


def test_activation_is_a_boundary_and_a_repeat_is_none(plain: World) -> None:
    """002-R14: POLICY_REV_CHANGED is recorded once, with both sides."""
    one = release(plain, b"one")
    first, again = plain.operator(), plain.operator()

    assert (one.activate(first), one.activate(again)) == (True, False)
    assert boundaries(plain, first, again) == [(NONE, one.shipped)]
    found = one.active(plain.operator())
    assert (found.active, found.in_step) == (revision_of(b"one"), True)


def test_the_release_before_learns_that_it_is_out_of_step(plain: World) -> None:
    one, two = release(plain, b"one"), release(plain, b"two")
    one.activate(plain.operator())
    two.activate(plain.operator())

    assert one.active(plain.operator()).in_step is False
    assert states(plain) == {one.shipped: "superseded", two.shipped: "active"}


def test_going_back_is_a_boundary_like_any_other(plain: World) -> None:
    """002-R16: an earlier revision returns, and what was recorded before it stays."""
    one, two = release(plain, b"one"), release(plain, b"two")
    calls = [plain.operator() for _ in range(3)]
    for policy, call in zip((one, two, one), calls, strict=True):
        policy.activate(call)

    assert states(plain) == {one.shipped: "active", two.shipped: "superseded"}
    assert boundaries(plain, *calls) == [
        (NONE, one.shipped),
        (one.shipped, two.shipped),
        (two.shipped, one.shipped),
    ]


def test_many_at_once_leave_one_active_and_one_chain_of_boundaries(plain: World) -> None:
    """002-R14: each change names what it replaced, also when releases race."""
    documents = [b"a", b"b", b"c", b"d", b"a", b"b", b"c", b"d"]
    calls = [plain.operator() for _ in documents]
    barrier = Barrier(4)

    def activate(document: bytes, call: Call) -> bool:
        barrier.wait()
        return release(plain, document).activate(call)

    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(activate, documents, calls))
    chain = boundaries(plain, *calls)
    assert len(chain) == sum(changed)
    # Identity numbers are taken inside the lock, so ledger order is the order of boundaries.
    assert [previous for previous, _ in chain] == [NONE, *(revision for _, revision in chain[:-1])]
    active = [rev for rev, state in states(plain).items() if state == "active"]
    assert active == [chain[-1][1]]


def test_an_activation_waits_for_the_one_before_it_and_sees_it(plain: World) -> None:
    """002-R14: a boundary names what held at its moment, not what held when it was asked for."""
    one, three = release(plain, b"one"), release(plain, b"three")
    one.activate(plain.operator())
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
                {"policy_rev": two, "document": "", "now": call.now, "by": "x"},
            )
            activating = pool.submit(three.activate, call)
            while not admin.execute(
                "SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchall():
                assert not activating.done()
        assert activating.result() is True
    assert boundaries(plain, call) == [(two, three.shipped)]


def test_postgres_itself_refuses_a_second_active_revision(plain: World) -> None:
    release(plain, b"one").activate(plain.operator())

    with plain.connect(Login.CONTROL) as control, pytest.raises(psycopg.IntegrityError) as refused:
        control.execute(
            "INSERT INTO ops.policy_revision VALUES (%s, '', 'active', now(), 'x', NULL)",
            ("f" * 64,),
        )
    assert refused.value.diag.constraint_name == "policy_revision_one_active"


@pytest.mark.parametrize("permission", Permission)
def test_neither_reading_nor_activating_works_without_its_permission(
    plain: World, permission: Permission
) -> None:
    """002-R7."""
    policy = release(plain, b"one")
    method = {
        Permission.REVISION_READ: policy.active,
        Permission.REVISION_ACTIVATE: policy.activate,
    }[permission]

    for permissions in (frozenset[str](), EVERYTHING - {permission}):
        with pytest.raises(PermissionMissing):
            method(plain.operator(permissions))
    assert states(plain) == {}
