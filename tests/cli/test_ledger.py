"""``opsplane ledger`` and ``opsplane health``: what an auditor and an operator type."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from shared.cli import problems
from tests.cli.conftest import Terminal
from tests.support.factories import a_complaint
from tests.support.fix_db import OWNER, World


def admit(world: World, count: int = 3, first: int = 1) -> list[str]:
    answer = world.submit(
        *(a_complaint(number) for number in range(first, first + count)),
        contract="vehicle-complaint.v1",
    )
    return [record["receipt_id"] for record in orjson.loads(answer.body)["records"]]


def seal(world: World) -> None:
    from tests.store.ledger.conftest import seal_all

    seal_all(world)
    seal_all(world, "fact")


@pytest.fixture
def sealed(fresh: Terminal, world: World) -> list[str]:
    receipts = admit(world)
    seal(world)
    return receipts


def tamper(world: World) -> None:
    with world.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "UPDATE ops.admission SET body = replace(body, 'ADMIT', 'DENY') WHERE seq = 2"
        )


def test_verify_says_what_was_looked_at_and_where_to_go_on(
    fresh: Terminal, world: World, sealed: list[str]
) -> None:
    done = fresh.run("ledger", "verify", "--stream", "admission")
    assert done.code == problems.OK
    first, checkpoint, last = done.out.splitlines()
    assert first == "admission: 3 entries in 1 seals"
    assert last == "verified"
    word, seen = checkpoint.split()
    assert word == "checkpoint"
    admit(world, 2, first=10)
    seal(world)
    later = fresh.json("ledger", "verify", "--stream", "admission", "--from", seen)
    assert later["streams"][0]["entries"] == 2


def test_verify_finds_a_change_says_where_and_fails(
    fresh: Terminal, world: World, sealed: list[str], tmp_path: Path
) -> None:
    tamper(world)
    kept = tmp_path / "seen.json"
    done = fresh.run("ledger", "verify", "--checkpoint", str(kept))
    assert done.code == problems.FAILED
    assert "  entry_edited: seal 1, offset 1: another text" in done.out
    assert not kept.exists(), "what does not verify is no checkpoint"
    told = fresh.run("ledger", "verify", "--json")
    assert told.code == problems.FAILED
    [difference] = told.document["streams"][0]["differences"]
    assert difference == {
        "stream": "admission",
        "kind": "entry_edited",
        "number": 1,
        "offset": 1,
        "through": None,
    }


def test_a_checkpoint_in_a_file_finds_a_ledger_that_was_cut_off(
    fresh: Terminal, world: World, sealed: list[str], tmp_path: Path
) -> None:
    kept = tmp_path / "seen.json"
    assert fresh.run("ledger", "verify", "--checkpoint", str(kept)).code == problems.OK
    with world.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM ops.seal WHERE stream = 'admission'")
        owner.execute("DELETE FROM ops.admission")
    done = fresh.run("ledger", "verify", "--from", str(kept), "--without-copies")
    assert done.code == problems.FAILED
    assert "ledger_truncated: seal 1" in done.out


def test_an_export_is_verified_without_a_database_or_a_credential(
    fresh: Terminal, offline: Terminal, world: World, sealed: list[str], tmp_path: Path
) -> None:
    """The keys come by a way of their own; an export holds none."""
    folder, trust = tmp_path / "evidence", tmp_path / "trust.json"
    assert fresh.run("ledger", "keys", "--to", str(trust)).code == problems.OK
    assert fresh.refused("ledger", "export", "--stream", "fact", "--to", str(folder)) == (
        problems.REFUSED,
        "identity.permission_missing",
    )
    fresh.run("role", "grant", "--object-id", OWNER, "security_officer")
    for stream in ("admission", "fact"):
        assert fresh.run("ledger", "export", "--stream", stream, "--to", str(folder)).code == 0
    words = ("ledger", "verify", "--files", str(folder))
    done = Terminal({}, fresh.capsys).run(*words, "--trust", str(trust))
    assert (done.code, done.out.splitlines()[-1]) == (problems.OK, "verified")
    assert Terminal({}, fresh.capsys).refused(*words) == (
        problems.INVALID,
        "ledger.trust_unreadable",
    )
    [file] = (folder / "admission").glob("*.ndjson")
    file.write_text(file.read_text().replace("ADMIT", "DENY"))
    bad = Terminal({}, fresh.capsys).run(*words, "--trust", str(trust))
    assert bad.code == problems.FAILED
    assert "entry_edited: seal 1, offset 0" in bad.out


def test_prove_writes_a_proof_and_says_when_it_is_too_early(
    fresh: Terminal, world: World, sealed: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "proof.json"
    words = ("ledger", "prove", sealed[1], "--tenant", "north")
    assert fresh.run(*words, "--to", str(place)).code == problems.OK
    proof = json.loads(place.read_text())
    assert (proof["document"], proof["offset"]) == ("ops.proof.v1", 1)
    assert fresh.json(*words) == proof
    [early] = admit(world, 1, first=50)
    done = fresh.run("ledger", "prove", early, "--tenant", "north")
    assert done.code == problems.UNAVAILABLE
    assert "sealed within 20 seconds" in done.err
    assert fresh.refused("ledger", "prove", sealed[1], "--tenant", "south") == (
        problems.MISSING,
        "ledger.entry_missing",
    )


def test_status_tells_what_is_sealed_and_what_waits(
    fresh: Terminal, world: World, sealed: list[str]
) -> None:
    admit(world, 2, first=10)
    found = {one["stream"]: one for one in fresh.json("ledger", "status")["streams"]}
    assert found["admission"]["entries"] == 3
    assert found["admission"]["unsealed"] == 2
    assert fresh.run("ledger", "status").out.splitlines()[0].startswith("stream ")


def test_a_new_key_signs_and_both_are_told(
    fresh: Terminal, world: World, sealed: list[str]
) -> None:
    key = fresh.json("ledger", "rotate")["key_id"]
    assert key in fresh.json("ledger", "keys")["keys"]
    assert len(fresh.json("ledger", "keys")["keys"]) == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ledger", "verify", "--from", "nonsense"), "ledger.checkpoint_unreadable"),
        (("ledger", "verify", "--from", "admission:1:xyz"), "ledger.checkpoint_unreadable"),
        (("ledger", "verify", "--trust", "/nowhere/at/all"), "cli.file_unusable"),
        (("ledger", "keys", "--to", "/nowhere/at/all"), "cli.file_unusable"),
    ],
)
def test_arguments_that_cannot_be_used_say_so(terminal: Terminal, words, code: str) -> None:
    assert terminal.refused(*words) == (problems.INVALID, code)


def test_a_stream_that_is_not_there_is_5(terminal: Terminal) -> None:
    words = ("ledger", "verify", "--stream", "nothing")
    assert terminal.refused(*words) == (problems.MISSING, "ledger.stream_unknown")


def test_health_shows_every_signal_and_fails_when_one_is_critical(
    fresh: Terminal, world: World, sealed: list[str]
) -> None:
    assert "ledger.seal.lag" in fresh.run("health", "show").out
    with world.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE ops.seal SET body = replace(body, 'ops.seal.v1', 'x')")
    done = fresh.run("health", "show", "--json")
    assert (done.code, done.document["level"]) == (problems.FAILED, "critical")
