"""What the owner of a database can make it say of itself, and what that changes."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from shared.kernel.canonical import canonical
from shared.ledger.copies import place_of
from shared.ledger.errors import CheckpointUnreadable, ExportUnusable, HomeDiffers, StreamUnknown
from shared.ledger.files import verify_files
from shared.ledger.keys import Trust, trust_document
from shared.ledger.report import (
    Checkpoint,
    checkpoint_document,
    checkpoint_of_text,
    checkpoints_of_file,
)
from tests.store.ledger.conftest import admit, seal_all, told, verify
from tests.support.fix_db import World

MOVED = [
    "UPDATE ops.environment_marker SET initialised_at = initialised_at + interval '1 second'",
    "UPDATE ops.environment_marker SET workspace = 'other'",
]


def forge_all(world: World, marker: str) -> None:
    """Edit the past, take every seal away, and let the database be another one."""
    with world.connect() as admin:
        admin.execute("SET session_replication_role = replica")
        found = admin.execute("SELECT body, seq FROM ops.admission ORDER BY xid, seq LIMIT 1")
        body, seq = found.fetchall()[0]
        forged = canonical({**orjson.loads(body), "event_id": "FORGED"}).decode()
        admin.execute("UPDATE ops.admission SET body = %s WHERE seq = %s", (forged, seq))
        admin.execute("DELETE FROM ops.seal_intent")
        admin.execute("DELETE FROM ops.seal")
        admin.execute(marker)


@pytest.mark.parametrize("marker", MOVED)
def test_a_database_that_says_it_is_another_one_is_not_sealed_anew(
    sealed: World, marker: str
) -> None:
    """The home is pinned beside the signing keys, where no owner of a database can write."""
    admit(sealed, 3)
    seal_all(sealed)
    assert verify(sealed).ok
    forge_all(sealed, marker)
    with pytest.raises(HomeDiffers):
        seal_all(sealed)
    assert ("home_differs", 0, None) in told(verify(sealed))


def test_trust_that_names_a_home_believes_no_seal_of_another_one(
    sealed: World, tmp_path: Path
) -> None:
    admit(sealed, 2)
    seal_all(sealed)
    services = sealed.services
    operator = sealed.operator()
    keys, home = services.ledger.keys(operator), services.ledger.home(operator)
    services.exports.export(operator, "admission", tmp_path)
    here = Trust.of(canonical(trust_document(keys, home)))
    elsewhere = Trust.of(canonical(trust_document(keys, "local_parity/other/20260101T000000Z")))
    assert all(report.ok for report in verify_files(tmp_path, here, {}))
    assert told(verify_files(tmp_path, elsewhere, {})[0])[0][0] == "seal_foreign"


@pytest.mark.parametrize(
    "replacement",
    [
        "CREATE VIEW ops.admission AS SELECT * FROM ops.admission_kept",
        "CREATE TABLE ops.admission AS SELECT * FROM ops.admission_kept",
    ],
)
def test_something_else_under_the_name_of_a_stream_is_told(sealed: World, replacement: str) -> None:
    admit(sealed, 2)
    seal_all(sealed)
    with sealed.connect() as admin:
        admin.execute("ALTER TABLE ops.admission RENAME TO admission_kept")
        admin.execute(replacement)
        admin.execute("GRANT SELECT ON ops.admission TO ops_audit")
    assert "column_altered" in {kind for kind, *_ in told(verify(sealed))}


def test_months_that_are_not_held_to_the_texts_are_told(sealed: World) -> None:
    admit(sealed, 2)
    seal_all(sealed)
    with sealed.connect() as admin:
        admin.execute("ALTER TABLE ops.admission DROP CONSTRAINT admission_month_is_of_body")
    assert set(told(verify(sealed))) == {("column_altered", 0, None)}


def test_a_checkpoint_is_held_against_its_stream_or_said_not_to_be(
    sealed: World, tmp_path: Path
) -> None:
    admit(sealed, 2)
    seal_all(sealed)
    seal_all(sealed, "fact")
    services, operator = sealed.services, sealed.operator()
    seen = Checkpoint("fact", 1, "0" * 64)
    with pytest.raises(StreamUnknown):
        services.ledger.verify(operator, starts={"admision": seen})
    [report] = services.ledger.verify(operator, stream="admission", starts={"fact": seen})
    assert report.uncovered == {"a checkpoint of fact": 1}
    services.exports.export(operator, "admission", tmp_path)
    trust = Trust(services.ledger.keys(operator))
    reports = verify_files(tmp_path, trust, {"fact": seen})
    assert {r.stream: r.ok for r in reports} == {"admission": True, "fact": False}


def test_a_checkpoint_that_was_passed_over_is_not_lost(sealed: World, tmp_path: Path) -> None:
    """A run over one stream may write the file that the next run over all of them begins with."""
    admit(sealed, 2)
    seal_all(sealed)
    services, operator = sealed.services, sealed.operator()
    seen = Checkpoint("fact", 1, "0" * 64)
    live = services.ledger.verify(operator, stream="admission", starts={"fact": seen})
    services.exports.export(operator, "admission", tmp_path)
    trust = Trust(services.ledger.keys(operator))
    files = verify_files(tmp_path, trust, {"fact": seen}, stream="admission")
    for reports in (live, files):
        assert reports[0].uncovered == {"a checkpoint of fact": 1}
        kept = checkpoints_of_file(orjson.dumps(checkpoint_document(reports)))
        assert kept["fact"] == seen
        assert kept["admission"] == reports[0].checkpoint


def test_a_folder_without_a_seal_says_that_nothing_was_looked_at(
    sealed: World, tmp_path: Path
) -> None:
    admit(sealed, 2)
    seal_all(sealed)
    services, operator = sealed.services, sealed.operator()
    services.exports.export(operator, "admission", tmp_path)
    trust = Trust(services.ledger.keys(operator))
    [whole] = verify_files(tmp_path, trust, {})
    assert whole.checkpoint is not None
    for file in (tmp_path / "admission").iterdir():
        file.unlink()
    [report] = verify_files(tmp_path, trust, {})
    assert report.uncovered == {"folder without a seal": 1}
    [report] = verify_files(tmp_path, trust, {"admission": whole.checkpoint})
    assert {kind for kind, *_ in told(report)} == {"ledger_truncated"}
    with pytest.raises(ExportUnusable):
        verify_files(tmp_path, trust, {}, stream="fact")


@pytest.mark.parametrize("number", ["\u00b2", "\u0661", "-1", "1" * 5000])
def test_a_number_is_written_in_plain_digits(number: str) -> None:
    assert place_of(f"{number}-e1.seal") is None
    with pytest.raises(CheckpointUnreadable):
        checkpoint_of_text(f"admission:{number}:{'0' * 64}")
