"""Whoever owns the database and lacks the signing key is found out, and the place is told.

Every tampering is done as the administrator, with triggers off, inside a transaction that the
test rolls back; the verifier reads through that very transaction. So two hundred of them take
seconds and each begins with the same ledger.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.adapters.signing import MemorySigningKeys
from shared.bootstrap import Ports
from shared.kernel.db import Tx
from shared.ledger import store
from shared.ledger.keys import Trust
from shared.ledger.live import LiveEvidence
from shared.ledger.model import read
from shared.ledger.report import Checkpoint
from shared.ledger.seals import Scale
from shared.ledger.streams import STREAMS
from shared.ledger.verification import Verification
from tests.store.ledger.conftest import FEW, admit, seal_all, small, told
from tests.store.ledger.tampering import (
    ENTRIES,
    SEALS,
    TAMPERINGS,
    WAYS,
    Owner,
    another,
    edit_rank,
    forge,
    owning,
    reseal,
    truncate,
    unbind,
)
from tests.support.fix_db import World
from tests.support.fix_worlds import grow


@pytest.fixture(scope="module")
def ledger(stack, template, tmp_path_factory) -> Iterator[World]:
    """Forty-three admissions of two tenants in nine seals."""
    ports = Ports(signing_keys=MemorySigningKeys())
    with grow(stack, template, tmp_path_factory.mktemp("ledger"), ports) as world:
        small(world)
        for first in range(1, ENTRIES + 1, 7):
            admit(world, min(7, ENTRIES + 1 - first), first, "north" if first % 2 else "south")
        seal_all(world)
        yield world


@pytest.fixture
def owner(ledger: World) -> Iterator[Owner]:
    with owning(ledger) as owner:
        yield owner


def test_the_ledger_verifies_before_anybody_tampers(owner: Owner) -> None:
    report = owner.verify()
    assert told(report) == []
    assert (report.seals, report.entries, report.uncovered) == (SEALS, ENTRIES, {})


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_two_hundred_random_tamperings_are_all_found_and_located(ledger: World, way) -> None:
    """Twenty of each kind, each on the same ledger, from a seed that the failure names."""
    for seed in range(TAMPERINGS // len(WAYS)):
        with owning(ledger) as owner:
            kinds, places = way(owner, random.Random(f"{way.__name__}{seed}"))
            found = told(owner.verify())
        where = {(number, offset) for _, number, offset in found}
        assert {kind for kind, _, _ in found} == kinds, (seed, found)
        assert where == places, (seed, found)


def test_a_row_that_claims_an_impossible_place_is_found(ledger: World) -> None:
    """Before the first transaction, below the first seq: nothing lies outside every stretch."""
    for xid, seq in ((0, -(2**63)), (0, 0), (1, -1), (3, 2**63 - 1)):
        with owning(ledger) as owner:
            forge(owner, xid, seq, another(owner.entries()[0][2], 7))
            assert told(owner.verify()) == [("entry_inserted", 1, 0)]


def test_several_tamperings_at_once_are_told_one_by_one(owner: Owner) -> None:
    entries = owner.entries()
    edit_rank(owner, 1)
    for rank in (7, 33):
        owner.run("DELETE FROM ops.admission WHERE seq = %s", entries[rank][1])
    assert told(owner.verify()) == [
        ("entry_edited", 1, 1),
        ("entry_missing", 2, 7),
        ("entry_missing", 7, 33),
    ]


def test_a_seal_without_a_copy_is_told_with_what_is_not_covered(owner: Owner) -> None:
    owner.run("DELETE FROM ops.seal WHERE stream = 'admission' AND number IN (3, 4)")
    report = owner.verify(copies=False)
    [difference] = report.differences
    assert (difference.kind, difference.number, difference.through) == ("seal_missing", 3, 4)
    assert report.uncovered == {"seals without any authentic record": 2}
    assert report.entries == ENTRIES - 2 * FEW


def test_a_seal_of_an_absurd_number_is_found_soon(owner: Owner) -> None:
    """A gap is one difference; nobody makes the verifier count to the end of it."""
    kept = owner.seal(SEALS)
    body = kept.body.replace(b'"number":%d' % SEALS, b'"number":%d' % 2**50)
    for old, new in ((b'"first_offset":40', b'"first_offset":99'), (b'"epoch":1', b'"epoch":2')):
        assert old in body
        body = body.replace(old, new)
    owner.run(
        "INSERT INTO ops.seal (body, signature, leaves) VALUES (%s, %s, %s)",
        body.decode(),
        kept.signature,
        kept.leaves,
    )
    report = owner.verify(copies=False)
    assert [(str(d.kind), d.number, d.through) for d in report.differences] == [
        ("seal_missing", SEALS + 1, 2**50 - 1),
        ("seal_signature_invalid", 2**50, None),
    ]


def test_leaves_that_are_lost_everywhere_still_leave_the_root(owner: Owner) -> None:
    kept = owner.seal(2)
    unbind(owner)
    owner.put_seal(2, kept.body, kept.signature, kept.leaves[:-1] + b"\0")
    assert told(owner.verify(copies=False)) == [("leaves_edited", 2, None)]
    edit_rank(owner, 6)
    assert told(owner.verify(copies=False)) == [
        ("leaves_edited", 2, None),
        ("entry_edited", 2, None),
    ]


def test_truncation_without_copies_is_found_by_a_checkpoint_and_not_otherwise(
    owner: Owner,
) -> None:
    """docs/ledger.md says so: what nobody outside the database saw can be taken away."""
    seen = owner.verify().checkpoint
    assert seen is not None
    assert seen.number == SEALS
    truncate(owner, random.Random(3))
    assert told(owner.verify(copies=False)) == []
    assert told(owner.verify(seen, copies=False)) == [("ledger_truncated", SEALS, None)]


def test_a_checkpoint_of_another_history_is_found(owner: Owner) -> None:
    other = Checkpoint("admission", 4, "0" * 64)
    assert told(owner.verify(other)) == [("checkpoint_differs", 4, None)]


def test_from_a_checkpoint_only_what_follows_is_looked_at(owner: Owner) -> None:
    seen = Checkpoint("admission", 4, owner.seal(4).digest)
    edit_rank(owner, 2)
    report = owner.verify(seen)
    assert (report.seals, report.entries, told(report)) == (SEALS - 4, ENTRIES - 4 * FEW, [])
    edit_rank(owner, 4 * FEW)
    assert told(owner.verify(seen)) == [("entry_edited", 5, 4 * FEW)]


def test_keys_that_are_not_trusted_verify_nothing(owner: Owner) -> None:
    stranger = MemorySigningKeys()
    stranger.current()
    report = owner.verify(trust=Trust(stranger.public_keys()))
    assert {kind for kind, _, _ in told(report)} >= {"seal_key_untrusted"}
    assert report.entries == 0


def test_months_that_retention_dropped_are_covered_by_their_leaves_alone(ledger: World) -> None:
    with owning(ledger) as owner:
        owner.run("DELETE FROM ops.admission")
        trust = Trust(ledger.services.signing_keys.public_keys())
        evidence = LiveEvidence(
            owner,  # type: ignore[arg-type]
            ledger.services.seal_copies,
            trust,
            ledger.operator(),
            "admission",
        )
        scale = Scale("admission", evidence.home, trust)
        report = Verification(scale, evidence, dropped=frozenset({"202611"})).run()
        assert told(report) == []
        assert report.uncovered == {"entries that retention dropped": ENTRIES}
        assert len(Verification(scale, evidence).run().differences) == ENTRIES


@pytest.mark.parametrize(
    "alter",
    [
        "ALTER TABLE ops.admission ALTER COLUMN tenant_id DROP EXPRESSION",
        "ALTER TABLE ops.admission ADD COLUMN note text",
        "ALTER TABLE ops.admission DROP COLUMN decision",
        (
            "ALTER TABLE ops.admission ALTER COLUMN receipt_id"
            " SET EXPRESSION AS (body::jsonb ->> 'event_id')"
        ),
        (
            "ALTER TABLE ops.admission ALTER COLUMN receipt_id"
            " SET EXPRESSION AS (upper(body::jsonb ->> 'receipt_id'))"
        ),
        "ALTER TABLE ops.admission DROP CONSTRAINT admission_month_is_of_body",
        (
            "ALTER TABLE ops.admission DROP CONSTRAINT admission_month_is_of_body,"
            " ADD CONSTRAINT admission_month_is_of_body CHECK"
            " (NOT (month IS DISTINCT FROM ops.month_of('2026-11')) OR true)"
        ),
        (
            "CREATE OR REPLACE FUNCTION ops.month_of(instant text) RETURNS integer"
            " LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 202611"
        ),
        (
            "ALTER TABLE ops.admission RENAME TO kept; CREATE TABLE ops.admission"
            " (LIKE ops.kept INCLUDING GENERATED INCLUDING CONSTRAINTS) PARTITION BY RANGE (month)"
        ),
        (
            "ALTER TABLE ops.admission RENAME TO kept;"
            " CREATE VIEW ops.admission AS SELECT * FROM ops.kept"
        ),
        "ALTER TABLE ops.admission RENAME TO kept",
    ],
)
def test_a_column_that_may_say_something_else_is_found(ledger: World, alter: str) -> None:
    """A row's text may be as it was sealed, and still another tenant be asked for it."""
    with owning(ledger) as owner:
        for stream in STREAMS.values():
            assert store.altered_columns(Tx(owner.connection), stream) == 0
        owner.run(alter)
        assert store.altered_columns(Tx(owner.connection), STREAMS["admission"]) > 0


class Storage:
    """The copies as somebody left them who owns the storage account and not the database."""

    def __init__(self, world: World) -> None:
        self.documents = world.blobs._documents
        self.before = dict(self.documents)

    def name(self, number: int) -> tuple[str, str]:
        [found] = [
            name for name in self.documents if name[1].endswith(f"admission/{number:012}-e1.seal")
        ]
        return found

    def restore(self) -> None:
        self.documents.clear()
        self.documents.update(self.before)


@pytest.fixture
def storage(ledger: World) -> Iterator[Storage]:
    found = Storage(ledger)
    yield found
    found.restore()


def test_copies_that_are_gone_changed_or_exchanged_are_found(
    owner: Owner, storage: Storage
) -> None:
    del storage.documents[storage.name(2)]
    good = storage.documents[storage.name(4)]
    storage.documents[storage.name(4)] = good[:-1] + bytes([good[-1] ^ 1])
    storage.documents[storage.name(5)] = good
    storage.documents[storage.name(6)] = b"nothing"
    assert told(owner.verify()) == [
        ("copy_missing", 2, None),
        ("copy_differs", 4, None),
        ("copy_differs", 5, None),
        ("copy_differs", 6, None),
    ]


def test_who_owns_both_and_has_no_key_is_found_by_the_signature(
    owner: Owner, storage: Storage
) -> None:
    """Database and storage together are still not the key."""
    reseal(owner, random.Random(2))
    for number in range(1, SEALS + 1):
        storage.documents[storage.name(number)] = owner.seal(number).document()
    kinds = {kind for kind, _, _ in told(owner.verify())}
    assert kinds & {"seal_key_untrusted", "seal_signature_invalid"}


def test_who_takes_the_end_from_both_is_found_by_a_checkpoint_alone(
    owner: Owner, storage: Storage
) -> None:
    seen = owner.verify().checkpoint
    truncate(owner, random.Random(5))
    last = owner.rows("SELECT max(number) FROM ops.seal WHERE stream = 'admission'")[0][0]
    for number in range(last + 1, SEALS + 1):
        del storage.documents[storage.name(number)]
    assert told(owner.verify()) == []
    assert told(owner.verify(seen)) == [("ledger_truncated", SEALS, None)]


def test_a_seal_of_another_database_under_the_same_key_is_foreign(
    owner: Owner, ledger: World
) -> None:
    """Two environments may share a key; a chain of one is no evidence in the other."""
    kept = owner.seal(1)
    seal = read(kept.body)
    assert seal is not None
    keys = ledger.services.signing_keys
    body = replace(seal, initialised_at="2020-01-01T00:00:00.000000Z").body()
    owner.put_seal(1, body, keys.sign(keys.current(), body), kept.leaves)
    assert told(owner.verify()) == [("seal_foreign", 1, None)]


def test_a_chain_that_was_signed_out_of_order_is_broken(owner: Owner, ledger: World) -> None:
    """Even with the key: a seal that does not name the one before it does not follow it."""
    keys = ledger.services.signing_keys
    for number, change in (
        (3, {"previous": "0" * 64}),
        (5, {"first_offset": 1000}),
        (7, {"after_seq": 1}),
    ):
        kept = owner.seal(number)
        seal = read(kept.body)
        assert seal is not None
        body = replace(seal, **change).body()
        owner.put_seal(number, body, keys.sign(keys.current(), body), kept.leaves)
    found = told(owner.verify(copies=False))
    broken = {number for kind, number, _ in found if kind == "seal_chain_broken"}
    assert broken == {3, 4, 5, 6, 7, 8}
