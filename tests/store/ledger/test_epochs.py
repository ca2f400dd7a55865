"""After a restore transaction ids are counted anew: an epoch ends whole and the next one begins."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from shared.kernel.call import PermissionMissing
from shared.kernel.db import Login
from shared.ledger.errors import EpochMissing, EpochRefused
from shared.ledger.model import read
from tests.store.ledger.conftest import admit, seal_all, told, verify
from tests.support.fix_db import World
from tests.support.fix_worlds import facts


def restored(world: World, ahead: int) -> None:
    """Make the rows look like those of another cluster whose transactions were counted higher."""
    with world.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        for table in ("admission", "fact"):
            owner.execute(
                f"UPDATE ops.{table} SET xid = (xid::text::bigint + %s)::text::xid8", (ahead,)
            )


def seals(world: World) -> list:
    rows = world.rows("SELECT body FROM ops.seal WHERE stream = 'admission' ORDER BY number")
    return [read(body.encode()) for (body,) in rows]


def test_the_tail_is_sealed_in_its_epoch_and_new_rows_in_the_next(sealed: World) -> None:
    """The rows of the backup have ids of the future: no horizon would ever let them be sealed."""
    admit(sealed, 7)
    restored(sealed, 1_000_000_000)
    assert sealed.services.sealer.seal(sealed.services.timer_call()).entries == 0

    assert sealed.services.epochs.begin(sealed.operator()) == 2
    admit(sealed, 6, first=20)
    seal_all(sealed, at_once=False)
    made = seals(sealed)
    assert [(seal.epoch, seal.entries) for seal in made[:2]] == [(1, 5), (1, 2)]
    assert {seal.epoch for seal in made[2:]} == {2}
    assert sum(seal.entries for seal in made[2:]) == 6
    assert {seal.above_seq for seal in made[2:]} == {7}
    assert made[2].through_xid < made[0].through_xid, "ids of two epochs are never compared"
    report = verify(sealed)
    assert (told(report), report.entries, report.uncovered) == ([], 13, {})
    [fact] = facts(sealed, "ledger:epoch:begun")
    assert fact["attributes"] == {"epoch": 2}
    assert sealed.rows("SELECT epoch FROM ops.environment_marker") == [(2,)]


def test_several_epochs_follow_one_another(sealed: World) -> None:
    for epoch in (2, 3, 4):
        admit(sealed, 3, first=epoch * 10)
        assert sealed.services.epochs.begin(sealed.operator()) == epoch
    admit(sealed, 2, first=100)
    seal_all(sealed)
    seal_all(sealed, "fact")
    assert [seal.epoch for seal in seals(sealed)] == [1, 2, 3, 4]
    assert told(verify(sealed)) == []
    assert told(verify(sealed, "fact")) == []


def test_an_epoch_in_which_nothing_happened_has_no_seal(sealed: World) -> None:
    sealed.services.epochs.begin(sealed.operator())
    sealed.services.epochs.begin(sealed.operator())
    admit(sealed, 2)
    seal_all(sealed)
    assert [(seal.epoch, seal.number) for seal in seals(sealed)] == [(3, 1)]
    assert told(verify(sealed)) == []


def test_a_row_put_into_an_epoch_that_is_over_is_found(sealed: World) -> None:
    admit(sealed, 3)
    sealed.services.epochs.begin(sealed.operator())
    admit(sealed, 3, first=10)
    seal_all(sealed)
    with sealed.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "INSERT INTO ops.admission (month, xid, seq, body) OVERRIDING SYSTEM VALUE"
            " SELECT month, '999999999999'::xid8, -1, body FROM ops.admission LIMIT 1"
        )
    assert told(verify(sealed)) == [("entry_inserted", 1, 3)]


def test_a_row_put_into_an_epoch_in_which_nothing_happened_is_found(sealed: World) -> None:
    """Places that no seal speaks of lie outside every stretch, and still not outside the check."""
    for _ in range(2):
        with sealed.connect() as owner:
            # A transaction that rolls back takes a seq with it.
            owner.execute("SELECT nextval('ops.admission_seq_seq')")
        sealed.services.epochs.begin(sealed.operator())
    admit(sealed, 2)
    with sealed.connect() as owner:
        owner.execute("SELECT nextval('ops.admission_seq_seq')")
    sealed.services.epochs.begin(sealed.operator())
    with sealed.connect() as owner:
        owner.execute("SELECT nextval('ops.admission_seq_seq')")
    sealed.services.epochs.begin(sealed.operator())
    admit(sealed, 2, first=9)
    seal_all(sealed)
    assert [seal.epoch for seal in seals(sealed)] == [3, 5]
    assert told(verify(sealed)) == []
    taken = {seq for (seq,) in sealed.rows("SELECT seq FROM ops.admission")}
    highest = max(taken)
    for xid in (3, 10**12):
        for seq in {*range(-1, highest + 1)} - taken:
            with sealed.connect() as owner:
                owner.execute("SET session_replication_role = replica")
                owner.execute(
                    "INSERT INTO ops.admission (month, xid, seq, body) OVERRIDING SYSTEM VALUE"
                    " SELECT month, %s::text::xid8, %s, body FROM ops.admission LIMIT 1",
                    (str(xid), seq),
                )
                assert "entry_inserted" in {kind for kind, *_ in told(verify(sealed))}, (xid, seq)
                owner.execute("DELETE FROM ops.admission WHERE seq = %s", (seq,))


def test_a_boundary_that_was_moved_is_found(sealed: World) -> None:
    admit(sealed, 3)
    sealed.services.epochs.begin(sealed.operator())
    admit(sealed, 3, first=10)
    seal_all(sealed)
    with sealed.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE ops.ledger_epoch SET above_seq = 5 WHERE stream = 'admission'")
    assert "epoch_differs" in {kind for kind, *_ in told(verify(sealed))}


def test_seals_that_a_restore_lost_stay_visible_by_their_copies(sealed: World) -> None:
    """Numbers go on where the backup ended; the copies of what came after it keep their names."""
    admit(sealed, 12)
    seal_all(sealed)
    with sealed.connect() as owner:
        # The backup was older: it had one seal and five rows.
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM ops.seal WHERE stream = 'admission' AND number > 1")
        owner.execute("DELETE FROM ops.admission WHERE seq > 5")
    sealed.services.epochs.begin(sealed.operator())
    admit(sealed, 3, first=50)
    seal_all(sealed)
    assert told(verify(sealed)) == [("seal_lost", 2, None), ("seal_lost", 3, None)]
    assert verify(sealed, copies=False).ok


def test_a_sequence_that_is_behind_its_rows_refuses_the_epoch(sealed: World) -> None:
    admit(sealed, 3)
    with sealed.connect() as owner:
        owner.execute("SELECT setval('ops.admission_seq_seq', 1)")
    with pytest.raises(EpochRefused):
        sealed.services.epochs.begin(sealed.operator())
    assert sealed.rows("SELECT epoch FROM ops.environment_marker") == [(1,)]
    assert sealed.rows("SELECT count(*) FROM ops.ledger_epoch") == [(0,)]


def test_an_epoch_waits_for_those_who_write(sealed: World) -> None:
    """What was being written before the lock belongs to the epoch that ends."""
    admit(sealed, 1)
    done: list[int] = []
    begin = threading.Thread(
        target=lambda: done.append(sealed.services.epochs.begin(sealed.operator()))
    )
    with sealed.connect(Login.DATA) as writer, writer.transaction():
        writer.execute("SELECT set_config('ops.tenant', %s, true)", (sealed.tenants["north"],))
        writer.execute(
            "INSERT INTO ops.admission (month, body) SELECT month, body FROM ops.admission LIMIT 1"
        )
        begin.start()
        begin.join(0.3)
        assert done == []
    begin.join(10)
    assert done == [2]
    seal_all(sealed)
    assert [(seal.epoch, seal.entries) for seal in seals(sealed)] == [(1, 2)]


def test_an_epoch_needs_its_permission(sealed: World) -> None:
    with pytest.raises(PermissionMissing):
        sealed.services.epochs.begin(sealed.operator(frozenset()))
    assert sealed.rows("SELECT epoch FROM ops.environment_marker") == [(1,)]


def test_a_restore_that_began_no_epoch_is_refused_and_told(sealed: World) -> None:
    """Its transactions count below the last seal, where no later seal would reach their rows."""
    admit(sealed, 2)
    seal_all(sealed)
    keys = sealed.services.signing_keys
    body = replace(seals(sealed)[0], through_xid=10**9).body()
    with sealed.connect() as owner:
        # As if the seal had been made in a cluster that had counted further.
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM ops.seal_intent")
        owner.execute(
            "WITH kept AS (DELETE FROM ops.seal WHERE stream = 'admission' RETURNING leaves)"
            " SELECT set_config('test.leaves', encode(leaves, 'hex'), false) FROM kept"
        )
        owner.execute(
            "INSERT INTO ops.seal (body, signature, leaves)"
            " VALUES (%s, %s, decode(current_setting('test.leaves'), 'hex'))",
            (body.decode(), keys.sign(keys.current(), body)),
        )
    admit(sealed, 1, first=20)
    with pytest.raises(EpochMissing):
        sealed.services.sealer.seal(sealed.services.timer_call())
    assert broken(sealed) == {"admission": True, "fact": False}
    sealed.services.epochs.begin(sealed.operator())
    admit(sealed, 2, first=30)
    seal_all(sealed)
    assert [seal.epoch for seal in seals(sealed)] == [1, 2]
    assert broken(sealed) == {"admission": False, "fact": False}


def broken(world: World) -> dict[str, bool]:
    return {one.stream: one.broken for one in world.services.ledger.status(world.operator())}
