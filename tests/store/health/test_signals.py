"""Signals say what waits, for how long and how bad that is; nothing waits unseen."""

from __future__ import annotations

import pytest

from shared.health.signals import Level, Signal, worst
from shared.kernel import outbox
from shared.kernel.call import PermissionMissing
from shared.kernel.db import Login
from tests.support.factories import a_complaint
from tests.support.fix_db import World
from tests.support.held import bad, hold


def signal(world: World, name: str) -> Signal:
    found = world.services.signals.read(world.operator())
    return next(one for one in found if one.name == name)


def admit(world: World, number: int = 1) -> None:
    world.submit(a_complaint(number), contract="vehicle-complaint.v1")


def seal(world: World) -> None:
    """Until nothing waits: other tests' transactions hold the horizon of the cluster."""
    from tests.store.ledger.conftest import seal_all

    seal_all(world)
    seal_all(world, "fact")


def test_a_plane_that_does_its_work_is_well(world: World) -> None:
    admit(world)
    seal(world)
    found = world.services.signals.read(world.operator())
    assert [(one.name, one.level) for one in found if one.level is not Level.OK] == []
    assert worst(found) is Level.OK
    assert len({one.name for one in found}) == len(found)
    assert all(one.meaning.endswith(".") for one in found)


def test_rows_that_are_not_sealed_in_time_are_a_lag(world: World) -> None:
    """A minute is worth a look, five minutes are an alarm (D20)."""
    admit(world)
    seal(world)
    admit(world, 2)
    world.clock.advance(seconds=59)
    assert signal(world, "ledger.seal.lag").level is Level.OK
    world.clock.advance(seconds=2)
    [lag, held] = [signal(world, f"ledger.{n}") for n in ("seal.lag", "horizon.age")]
    assert max(lag.value, held.value) == 61
    assert Level.WARN in {lag.level, held.level}
    world.clock.advance(seconds=300)
    levels = {signal(world, f"ledger.{name}").level for name in ("seal.lag", "horizon.age")}
    assert Level.CRITICAL in levels
    seal(world)
    assert signal(world, "ledger.seal.lag").value == 0


def test_a_policy_that_the_release_does_not_carry_is_an_alarm(world: World) -> None:
    """Every producer is refused then, so it is the first thing to see."""
    assert signal(world, "policy.out_of_step").level is Level.OK
    with world.connect() as admin:
        admin.execute("UPDATE ops.policy_revision SET policy_rev = %s", ("d" * 64,))
    assert signal(world, "policy.out_of_step").level is Level.CRITICAL


def test_a_held_record_that_nobody_settles_is_told_before_it_expires(world: World) -> None:
    hold(world, "north", bad(1))
    world.clock.advance(seconds=26 * 24 * 3600)
    assert signal(world, "ingest.quarantine.expiring").value == 0
    world.clock.advance(seconds=2 * 24 * 3600)
    told = signal(world, "ingest.quarantine.expiring")
    assert (told.value, told.level) == (1, Level.WARN)


def test_a_transaction_that_holds_the_horizon_is_told_apart_from_a_sealer_that_sleeps(
    world: World,
) -> None:
    seal(world)
    with world.connect(Login.DATA) as slow, slow.transaction():
        slow.execute("SELECT pg_current_xact_id()")
        admit(world)
        world.clock.advance(seconds=400)
        assert signal(world, "ledger.horizon.age").level is Level.CRITICAL
        assert signal(world, "ledger.horizon.age").value == 400
        assert signal(world, "ledger.seal.lag").value == 0


def test_a_last_seal_that_cannot_be_read_is_critical(world: World) -> None:
    admit(world)
    seal(world)
    with world.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "UPDATE ops.seal SET body = replace(body, 'ops.seal.v1', 'ops.seal.v9')"
            " WHERE stream = 'admission'"
        )
    broken = signal(world, "ledger.seal.broken")
    assert (broken.value, broken.level) == (1, Level.CRITICAL)


def test_copies_that_are_missing_are_counted(world: World) -> None:
    world.blobs.available = False
    seal(world)
    assert signal(world, "ledger.copies.missing").value >= 1
    world.blobs.available = True
    seal(world)
    assert signal(world, "ledger.copies.missing").value == 0


def test_rows_without_a_partition_of_their_month_are_counted(world: World) -> None:
    """The months that were prepared end; a timer that sleeps is seen before retention is hurt."""
    world.clock.advance(days=200)
    admit(world)
    stray = signal(world, "ledger.partition.strayed")
    assert (stray.value >= 1, stray.level) == (True, Level.WARN)


def test_documents_that_are_overdue_are_counted(world: World) -> None:
    world.blobs.available = False
    admit(world)
    assert signal(world, "ingest.documents.unwritten").value == 0
    world.clock.advance(seconds=61)
    late = signal(world, "ingest.documents.unwritten")
    assert (late.value, late.level) == (1, Level.WARN)


@pytest.mark.parametrize(
    ("seconds", "level"), [(60, Level.OK), (61, Level.WARN), (301, Level.CRITICAL)]
)
def test_a_message_that_does_not_leave_grows_old(world: World, seconds, level) -> None:
    call = world.operator()
    with world.services.database(Login.CONTROL).transaction(call) as tx:
        outbox.send(tx, call, world.services.ports.ids, "q", {})
    world.clock.advance(seconds=seconds)
    age = signal(world, "outbox.message.age")
    assert (age.value, age.level) == (seconds, level)


def test_reading_signals_needs_its_permission(world: World) -> None:
    with pytest.raises(PermissionMissing):
        world.services.signals.read(world.operator(frozenset()))
