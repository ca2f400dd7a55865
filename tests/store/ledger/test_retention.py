"""Retention drops months; leaf hashes stay, and what is missing beyond that is still found."""

from __future__ import annotations

from pathlib import Path

from shared.ledger.files import verify_files
from shared.ledger.keys import Trust
from tests.store.ledger.conftest import admit, seal_all, told, verify
from tests.support.fix_db import World

NOVEMBER = frozenset({"202611"})


def two_months(world: World) -> None:
    """Three entries of November and four of December, in seals that hold both."""
    admit(world, 3)
    world.clock.advance(days=20)
    admit(world, 4, first=50)
    seal_all(world)


def drop(world: World, condition: str) -> None:
    with world.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(f"DELETE FROM ops.admission WHERE {condition}")


def test_a_seal_counts_its_entries_by_month(sealed: World) -> None:
    two_months(sealed)
    rows = sealed.rows(
        "SELECT body::jsonb -> 'months' FROM ops.seal WHERE stream = 'admission' ORDER BY number"
    )
    assert [months for (months,) in rows] == [{"202611": 3, "202612": 2}, {"202612": 2}]


def test_a_dropped_month_is_covered_by_its_leaves_when_the_auditor_says_so(sealed: World) -> None:
    two_months(sealed)
    drop(sealed, "month = 202611")
    assert told(verify(sealed)) == [("entry_missing", 1, rank) for rank in range(3)]
    report = verify(sealed, dropped=NOVEMBER)
    assert told(report) == []
    assert report.uncovered == {"entries that retention dropped": 3}


def test_nothing_else_hides_behind_a_dropped_month(sealed: World) -> None:
    two_months(sealed)
    drop(sealed, "month = 202611")
    drop(sealed, "seq = (SELECT max(seq) FROM ops.admission)")
    assert told(verify(sealed, dropped=NOVEMBER)) == [("entry_missing", 2, 6)]
    drop(sealed, "seq = (SELECT min(seq) FROM ops.admission)")
    found = told(verify(sealed, dropped=NOVEMBER))
    assert ("entry_missing", 1, 3) in found


def test_a_month_that_was_not_dropped_after_all_is_checked(sealed: World) -> None:
    two_months(sealed)
    report = verify(sealed, dropped=NOVEMBER)
    assert (told(report), report.uncovered) == ([], {})
    with sealed.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "UPDATE ops.admission SET body = replace(body, 'ADMIT', 'DENY') WHERE seq = 1"
        )
    assert told(verify(sealed, dropped=NOVEMBER)) == [("entry_edited", 1, 0)]


def test_as_many_rows_of_another_month_do_not_pass_for_the_dropped_one(sealed: World) -> None:
    """How many are missing says nothing of which."""
    admit(sealed, 2)
    sealed.clock.advance(days=20)
    admit(sealed, 3, first=50)
    seal_all(sealed)
    drop(sealed, "month = 202612 AND seq < (SELECT max(seq) FROM ops.admission)")
    report = verify(sealed, dropped=NOVEMBER)
    assert told(report) == [("entry_missing", 1, 2), ("entry_missing", 1, 3)]
    assert report.uncovered == {}


def test_of_two_months_that_may_be_dropped_one_may_still_be_there_whole(sealed: World) -> None:
    two_months(sealed)
    both = NOVEMBER | {"202612"}
    drop(sealed, "month = 202611")
    assert told(verify(sealed, dropped=both)) == []
    drop(sealed, "seq = (SELECT min(seq) FROM ops.admission)")
    assert ("entry_missing", 1, 3) in told(verify(sealed, dropped=both))


def test_files_are_held_to_the_same_rule(sealed: World, tmp_path: Path) -> None:
    admit(sealed, 2)
    sealed.clock.advance(days=20)
    admit(sealed, 3, first=50)
    seal_all(sealed)
    sealed.services.exports.export(sealed.operator(), "admission", tmp_path)
    trust = Trust(sealed.services.signing_keys.public_keys())
    file = tmp_path / "admission" / "000000000001-e1.ndjson"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[2:]))
    assert verify_files(tmp_path, trust, {}, dropped=NOVEMBER)[0].ok
    file.write_bytes(b"".join([*lines[:2], lines[4]]))
    assert not verify_files(tmp_path, trust, {}, dropped=NOVEMBER)[0].ok
