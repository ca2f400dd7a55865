"""Sealing: what is committed gets sealed once, in order, whatever happens around it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from local.docs.reading import PROJECT
from shared.adapters.signing import MemorySigningKeys, UnsafePlaintextSigningKeys
from shared.bootstrap import Ports
from shared.kernel.call import PermissionMissing
from shared.kernel.canonical import content_address
from shared.kernel.db import Login
from shared.kernel.settings import Environment
from shared.ledger.copies import name_of
from shared.ledger.errors import SealBroken, SigningUnavailable
from shared.ledger.model import Signed, read
from tests.store.ledger.conftest import (
    FEW,
    admit,
    seal_all,
    small,
    timer,
    told,
    until,
    verify,
    waiting,
)
from tests.support.fix_db import START, World, settings_for
from tests.support.fix_worlds import facts, grow

HOME = f"local_parity/test/{START:%Y%m%dT%H%M%S%fZ}"


def numbers(world: World, stream: str = "admission") -> list[tuple[int, int, int]]:
    return world.rows(
        "SELECT number, first_offset, entries FROM ops.seal WHERE stream = %s ORDER BY 1", stream
    )


def test_entries_are_sealed_in_bounded_seals_that_chain_and_verify(sealed: World) -> None:
    receipts = admit(sealed, 12)
    seal_all(sealed)
    made = numbers(sealed)
    assert [first for _, first, _ in made] == [0, FEW, 2 * FEW]
    assert sum(entries for _, _, entries in made) == 12
    report = verify(sealed)
    assert told(report) == []
    assert (report.seals, report.entries, report.uncovered) == (3, 12, {})
    assert len(receipts) == 12


def test_a_seal_says_what_it_covers_and_names_the_one_before(sealed: World) -> None:
    admit(sealed, 7)
    seal_all(sealed)
    bodies = sealed.rows("SELECT body FROM ops.seal WHERE stream = 'admission' ORDER BY number")
    one, two = (read(body.encode()) for (body,) in bodies)
    assert one is not None
    assert two is not None
    assert one.previous == "0" * 64
    assert two.previous == content_address(bodies[0][0].encode())
    assert (two.after_xid, two.after_seq) == (one.through_xid, one.through_seq)
    assert (one.environment, one.workspace) == ("local_parity", "test")
    assert (one.months, two.months) == ({"202611": 5}, {"202611": 2})
    assert one.key_id == sealed.services.signing_keys.current()


def test_every_stream_is_sealed_and_sealing_comes_to_rest(sealed: World) -> None:
    """A seal is no fact: sealing facts does not make facts to be sealed."""
    admit(sealed, 3)
    seal_all(sealed)
    seal_all(sealed, "fact")
    before = len(numbers(sealed, "fact"))
    assert verify(sealed, "fact").ok
    for _ in range(3):
        done = sealed.services.sealer.seal(timer(sealed))
        assert (done.seals, done.entries) == (0, 0)
    assert len(numbers(sealed, "fact")) == before


def test_a_copy_of_every_seal_is_in_storage(sealed: World) -> None:
    admit(sealed, 6)
    seal_all(sealed)
    rows = sealed.rows(
        "SELECT number, body, signature, leaves FROM ops.seal WHERE stream = 'admission'"
    )
    for number, body, signature, leaves in rows:
        document = sealed.blobs.get("seals", f"{HOME}/{name_of('admission', number, 1)}")
        assert Signed.of(document) == Signed(body.encode(), signature, leaves)
    assert sealed.rows("SELECT count(*) FROM ops.seal_intent") == [(0,)]


def test_rows_of_a_late_commit_are_sealed_later_and_never_skipped(sealed: World) -> None:
    """A transaction that began first and commits last holds the horizon for those behind it."""
    admit(sealed, 2)
    with sealed.connect(Login.DATA) as slow, slow.transaction():
        slow.execute(
            "SELECT pg_current_xact_id(), set_config('ops.tenant', %s, true)",
            (sealed.tenants["north"],),
        )
        admit(sealed, 3, first=10)
        until(lambda: sealed.services.sealer.seal(timer(sealed)).entries == 0)
        before = sum(entries for *_, entries in numbers(sealed))
        assert before <= 2, "nothing behind an open transaction is sealed"
        report = verify(sealed)
        assert report.ok
        assert report.uncovered["entries that are not sealed yet"] == 5 - before
        assert waiting(sealed) == 5 - before
        slow.execute(
            "INSERT INTO ops.admission (month, body) SELECT month, body FROM ops.admission"
            " ORDER BY seq LIMIT 1"
        )
    # It has committed now: a seq above those of the three, and an id below theirs.
    seal_all(sealed)
    report = verify(sealed)
    assert (told(report), report.entries) == ([], 6)
    order = [seq for (seq,) in sealed.rows("SELECT seq FROM ops.admission ORDER BY xid, seq")]
    assert order[2] == max(order)


def test_an_open_transaction_of_another_database_only_delays(sealed: World) -> None:
    admit(sealed, 2)
    with psycopg.connect(sealed.stack.admin_url("postgres")) as elsewhere:
        elsewhere.execute("CREATE TEMPORARY TABLE held (id integer)")
        admit(sealed, 1, first=5)
        sealed.services.sealer.seal(timer(sealed))
        assert waiting(sealed) >= 1
    seal_all(sealed)
    assert verify(sealed).entries == 3


def test_a_transaction_that_rolls_back_leaves_a_gap_that_is_no_difference(sealed: World) -> None:
    admit(sealed, 2)
    with sealed.connect() as admin:
        with admin.transaction(force_rollback=True):
            admin.execute(
                "INSERT INTO ops.admission (month, body) SELECT month, body FROM ops.admission"
            )
        admit(sealed, 2, first=5)
    seal_all(sealed)
    report = verify(sealed)
    assert (told(report), report.entries) == ([], 4)


def test_many_writers_and_two_sealers_at_once_seal_everything_once(
    stack, template, tmp_path
) -> None:
    """One sealer at a time by lock; the chain has no gap and no fork."""
    with grow(stack, template, tmp_path, Ports(signing_keys=MemorySigningKeys())) as world:
        small(world, 3)
        writers = [
            threading.Thread(
                target=lambda n=n: [admit(world, 2, first=n * 100 + k * 2) for k in range(6)]
            )
            for n in range(1, 4)
        ]
        stop = threading.Event()
        troubles: list[Exception] = []

        def work() -> None:
            while not stop.is_set():
                try:
                    world.services.sealer.seal(timer(world))
                except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                    troubles.append(error)

        sealers = [threading.Thread(target=work) for _ in range(2)]
        for thread in (*sealers, *writers):
            thread.start()
        for thread in writers:
            thread.join(60)
        stop.set()
        for thread in sealers:
            thread.join(60)
        assert troubles == []
        seal_all(world)
        report = verify(world)
        assert (told(report), report.entries) == ([], 36)
        made = numbers(world)
        assert [number for number, *_ in made] == list(range(1, len(made) + 1))


def test_verifying_while_others_write_and_seal_finds_nothing_that_is_not_there(
    stack, template, tmp_path
) -> None:
    """A verifier asks Postgres and storage one after the other, and both move on meanwhile."""
    with grow(stack, template, tmp_path, Ports(signing_keys=MemorySigningKeys())) as world:
        small(world, 2)
        stop = threading.Event()

        def seal() -> None:
            while not stop.is_set():
                world.services.sealer.seal(timer(world))

        def write() -> None:
            for number in range(1, 60):
                admit(world, 3, first=number * 10)
            stop.set()

        threads = [threading.Thread(target=work) for work in (seal, write)]
        for thread in threads:
            thread.start()
        found = []
        while not stop.is_set():
            found += told(verify(world)) + told(verify(world, "fact"))
        for thread in threads:
            thread.join(60)
        assert found == []
        seal_all(world)
        assert verify(world).entries == 59 * 3


def test_a_sealer_that_finds_another_one_leaves_it_alone(sealed: World) -> None:
    admit(sealed, 2)
    with sealed.connect() as other:
        other.execute("SELECT pg_advisory_lock(4713002004)")
        done = sealed.services.sealer.seal(timer(sealed))
        assert (done.busy, done.seals) == (True, 0)
    seal_all(sealed)


def test_a_copy_that_was_lost_between_postgres_and_storage_follows(sealed: World) -> None:
    """Design: Blob away, the seal stands; the next tick writes what is missing."""
    admit(sealed, 6)
    sealed.blobs.available = False
    until(lambda: sealed.services.sealer.seal(timer(sealed)) is not None and waiting(sealed) == 0)
    assert list(sealed.rows("SELECT count(*) FROM ops.seal_intent WHERE stream = 'admission'")) == [
        (2,)
    ]
    sealed.blobs.available = True
    report = verify(sealed)
    assert told(report) == []
    assert report.uncovered == {"copies that are not written yet": 2}
    assert sealed.services.sealer.seal(timer(sealed)).copies >= 2
    assert verify(sealed).uncovered == {}


def test_without_the_signing_key_nothing_is_sealed_and_nothing_is_half(
    sealed: World, keys: MemorySigningKeys
) -> None:
    admit(sealed, 3)
    keys.available = False
    with pytest.raises(SigningUnavailable):
        until(lambda: sealed.services.sealer.seal(timer(sealed)) is None)
    assert numbers(sealed) == []
    keys.available = True
    seal_all(sealed)
    assert verify(sealed).ok


@pytest.mark.parametrize("table", ["seal", "seal_intent"])
@pytest.mark.parametrize("when", ["statement", "commit"])
def test_a_connection_killed_at_any_write_leaves_nothing_half(
    sealed: World, table: str, when: str
) -> None:
    admit(sealed, 3)
    with sealed.connect() as admin:
        admin.execute(
            "CREATE FUNCTION public.hang_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            " AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1);"
            " RETURN NULL; END $$"
        )
        kind = "CONSTRAINT TRIGGER" if when == "commit" else "TRIGGER"
        later = "DEFERRABLE INITIALLY DEFERRED" if when == "commit" else ""
        admin.execute(
            f"CREATE {kind} cut AFTER INSERT ON ops.{table} {later}"
            " FOR EACH ROW EXECUTE FUNCTION public.hang_up()"
        )
        with pytest.raises(Exception, match=r"database|recorded"):
            until(lambda: sealed.services.sealer.seal(timer(sealed)) is None)
        admin.execute(f"DROP TRIGGER cut ON ops.{table}")
    assert numbers(sealed) == []
    assert sealed.rows("SELECT count(*) FROM ops.seal_intent") == [(0,)]
    seal_all(sealed)
    assert verify(sealed).ok


def test_a_sealer_killed_again_and_again_leaves_one_sound_chain(
    stack, template, tmp_path: Path
) -> None:
    """SIGKILL at twelve random moments; then everything is sealed, copied and verifies."""
    keys = UnsafePlaintextSigningKeys(tmp_path / "keys" / "signing", Environment.LOCAL_PARITY)
    with grow(stack, template, tmp_path, Ports(signing_keys=keys)) as world:
        settings = settings_for(stack, world.database, tmp_path)
        for round_ in range(12):
            admit(world, 8, first=100 * round_ + 1)
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.sealing", str(START.timestamp())],
                cwd=PROJECT,
                env={**settings, "PATH": ""},
                stdout=subprocess.PIPE,
            )
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.004 * round_)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            process.stdout.close()
        small(world, 3)
        seal_all(world)
        report = verify(world, copies=False)
        assert (told(report), report.entries) == ([], 96)


def test_a_changed_key_is_a_fact_and_the_older_seals_still_verify(
    sealed: World, keys: MemorySigningKeys
) -> None:
    admit(sealed, 2)
    seal_all(sealed)
    new = sealed.services.ledger.rotate(sealed.operator())
    admit(sealed, 2, first=5)
    seal_all(sealed)
    [fact] = [
        one
        for one in facts(sealed, "ledger:key:changed")
        if one["attributes"]["stream"] == "admission"
    ]
    assert fact["attributes"] == {"stream": "admission", "number": 2, "key": new}
    assert verify(sealed).ok
    ids = {key for (key,) in sealed.rows("SELECT key_id FROM ops.seal WHERE stream = 'admission'")}
    assert ids == set(keys.public_keys())


def test_a_chain_is_never_built_on_a_seal_that_is_not_ours(sealed: World) -> None:
    admit(sealed, 2)
    seal_all(sealed)
    with sealed.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE ops.seal SET signature = sha512('x') WHERE stream = 'admission'")
    admit(sealed, 2, first=5)
    with pytest.raises(SealBroken):
        until(lambda: sealed.services.sealer.seal(timer(sealed)) is None)
    assert len(numbers(sealed)) == 1
    assert [kind for kind, *_ in told(verify(sealed))] == ["seal_signature_invalid"]


def test_sealing_needs_its_permission(sealed: World) -> None:
    with pytest.raises(PermissionMissing):
        sealed.services.sealer.seal(sealed.operator(frozenset()))
