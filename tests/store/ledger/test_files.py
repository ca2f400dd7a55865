"""Exported files are checked alone: no database, no storage, keys that the auditor brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.adapters.signing import MemorySigningKeys
from shared.kernel.call import PermissionMissing
from shared.ledger.errors import ExportUnusable, StreamUnknown, TrustUnreadable
from shared.ledger.files import verify_files
from shared.ledger.keys import Trust, trust_document
from shared.ledger.report import Checkpoint, Report
from tests.store.ledger.conftest import FEW, admit, seal_all, told
from tests.support.fix_db import World
from tests.support.fix_worlds import facts

ENTRIES = 17


@pytest.fixture
def exported(sealed: World, tmp_path: Path) -> tuple[World, Path, Trust]:
    admit(sealed, ENTRIES)
    seal_all(sealed)
    folder = tmp_path / "evidence"
    sealed.services.exports.export(sealed.operator(), "admission", folder)
    return sealed, folder, Trust(sealed.services.signing_keys.public_keys())


def check(folder: Path, trust: Trust, start: Checkpoint | None = None) -> Report:
    [report] = verify_files(folder, trust, {"admission": start} if start else {})
    return report


def entries(folder: Path, number: int) -> Path:
    return folder / "admission" / f"{number:012}-e1.ndjson"


def test_an_export_verifies_alone_and_holds_what_the_ledger_holds(
    exported: tuple[World, Path, Trust],
) -> None:
    world, folder, trust = exported
    report = check(folder, trust)
    assert (told(report), report.seals, report.entries) == ([], 4, ENTRIES)
    lines = [line for n in range(1, 5) for line in entries(folder, n).read_text().splitlines()]
    assert lines == [body for (body,) in world.rows("SELECT body FROM ops.admission ORDER BY seq")]
    [fact] = facts(world, "ledger:entry:exported")
    assert fact["attributes"] == {"stream": "admission", "first": 1, "last": 4}


def test_a_seal_file_is_the_document_of_storage(exported: tuple[World, Path, Trust]) -> None:
    world, folder, _ = exported
    for file in (folder / "admission").glob("*.seal"):
        [name] = [name for name in world.blobs.names("seals") if name.endswith(f"n/{file.name}")]
        assert file.read_bytes() == world.blobs.get("seals", name)


def test_every_change_of_a_file_is_found_and_located(exported: tuple[World, Path, Trust]) -> None:
    _, folder, trust = exported
    file = entries(folder, 2)
    good = file.read_bytes()
    lines = good.splitlines(keepends=True)

    def after(*changed: bytes) -> list[tuple[str, int, int | None]]:
        file.write_bytes(b"".join(changed))
        return told(check(folder, trust))

    assert after(*lines[:1], lines[1].replace(b"ADMIT", b"DENY!"), *lines[2:]) == [
        ("entry_edited", 2, FEW + 1)
    ]
    assert after(*lines[:3], *lines[4:]) == [("entry_missing", 2, FEW + 3)]
    assert after(*lines[:2], b"{}\n", *lines[2:]) == [("entry_inserted", 2, FEW + 2)]
    assert after(lines[1], lines[0], *lines[2:]) == [
        ("entry_moved", 2, FEW),
        ("entry_moved", 2, FEW + 1),
    ]
    file.unlink()
    assert {kind for kind, *_ in told(check(folder, trust))} == {"entry_missing"}
    file.write_bytes(good)
    assert check(folder, trust).ok


def test_a_seal_file_that_is_gone_or_not_one_is_found(exported: tuple[World, Path, Trust]) -> None:
    _, folder, trust = exported
    seal = entries(folder, 3).with_suffix(".seal")
    good = seal.read_bytes()
    seal.write_bytes(b"nothing")
    assert told(check(folder, trust)) == [("seal_edited", 3, None)]
    seal.write_bytes(good[:-1] + b"\0")
    assert told(check(folder, trust)) == [("leaves_edited", 3, None)]
    seal.write_bytes(entries(folder, 2).with_suffix(".seal").read_bytes())
    assert told(check(folder, trust)) == [("seal_foreign", 3, None)]
    seal.unlink()
    report = check(folder, trust)
    assert told(report) == [("seal_missing", 3, None)]
    assert report.uncovered == {"seals without any authentic record": 1}


def test_files_that_end_before_a_checkpoint_are_truncated(
    exported: tuple[World, Path, Trust],
) -> None:
    _, folder, trust = exported
    seen = check(folder, trust).checkpoint
    assert seen is not None
    for suffix in (".seal", ".ndjson"):
        entries(folder, 4).with_suffix(suffix).unlink()
    assert check(folder, trust).ok, "nothing in the files says that there was more"
    assert told(check(folder, trust, seen)) == [("ledger_truncated", 4, None)]


def test_a_later_part_is_checked_from_a_checkpoint(
    exported: tuple[World, Path, Trust], tmp_path: Path
) -> None:
    world, folder, trust = exported
    part = tmp_path / "part"
    world.services.exports.export(world.operator(), "admission", part, 3)
    whole = check(folder, trust)
    assert told(check(part, trust)) == [("seal_missing", 1, None)]
    third = world.rows("SELECT body FROM ops.seal WHERE stream = 'admission' AND number = 3")
    from shared.kernel.canonical import content_address

    seen = Checkpoint("admission", 3, content_address(third[0][0].encode()))
    report = check(part, trust, seen)
    assert (told(report), report.seals, report.checkpoint) == ([], 1, whole.checkpoint)


def test_keys_of_somebody_else_verify_nothing(exported: tuple[World, Path, Trust]) -> None:
    _, folder, _ = exported
    stranger = MemorySigningKeys()
    stranger.current()
    report = check(folder, Trust(stranger.public_keys()))
    assert {kind for kind, *_ in told(report)} == {"seal_key_untrusted"}
    assert report.entries == 0


def test_a_file_of_keys_is_read_strictly() -> None:
    keys = MemorySigningKeys()
    keys.rotate()
    good = trust_document(keys.public_keys())
    import orjson

    assert Trust.of(orjson.dumps(good)).keys == keys.public_keys()
    [(key_id, public)] = good["keys"].items()
    for bad in (
        b"",
        b"[]",
        orjson.dumps({**good, "document": "other"}),
        orjson.dumps({**good, "keys": {}}),
        orjson.dumps({**good, "keys": {key_id: "zz"}}),
        orjson.dumps({**good, "keys": {"0" * 64: public}}),
        orjson.dumps({**good, "keys": [public]}),
    ):
        with pytest.raises(TrustUnreadable):
            Trust.of(bad)


def test_what_cannot_be_exported_or_checked_says_why(
    exported: tuple[World, Path, Trust], tmp_path: Path
) -> None:
    world, folder, trust = exported
    with pytest.raises(StreamUnknown):
        world.services.exports.export(world.operator(), "nothing", tmp_path)
    with pytest.raises(PermissionMissing):
        world.services.exports.export(world.operator(frozenset()), "admission", tmp_path)
    with pytest.raises(ExportUnusable):
        world.services.exports.export(world.operator(), "admission", entries(folder, 1))
    with pytest.raises(ExportUnusable):
        verify_files(tmp_path / "nowhere", trust, {})
    with pytest.raises(StreamUnknown):
        verify_files(folder, trust, {}, stream="nothing")
