"""Retention drops months; leaf hashes stay, and what is missing beyond that is still found."""

from __future__ import annotations

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
