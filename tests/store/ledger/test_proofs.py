"""A proof convinces who has nothing but it and the key; the script of the docs is that somebody."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.docs.reading import PROJECT
from shared.adapters.signing import MemorySigningKeys
from shared.bootstrap import Ports
from shared.kernel.call import Call, PermissionMissing
from shared.ledger.errors import EntryDiffers, EntryMissing, NotSealedYet
from shared.ledger.keys import trust_document
from tests.store.ledger.conftest import admit, seal_all, small
from tests.support.fix_db import World
from tests.support.fix_worlds import grow

SCRIPT = PROJECT / "docs" / "examples" / "verify_proof.py"
COUNT = 24


@pytest.fixture(scope="module")
def proven(stack, template, tmp_path_factory) -> Iterator[tuple[World, list[str]]]:
    ports = Ports(signing_keys=MemorySigningKeys())
    with grow(stack, template, tmp_path_factory.mktemp("proven"), ports) as world:
        small(world, 11)
        receipts = admit(world, COUNT)
        seal_all(world)
        yield world, receipts


def inside(world: World, tenant: str = "north") -> Call:
    return world.operator().for_tenant(world.tenants[tenant])


def script(tmp_path: Path, proof: dict, trust: dict) -> tuple[int, str]:
    """Run the script as an auditor would, who has none of our modules."""
    files = [tmp_path / "proof.json", tmp_path / "trust.json"]
    for file, document in zip(files, (proof, trust), strict=True):
        file.write_text(json.dumps(document))
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *map(str, files)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_every_receipt_can_be_proven_and_the_script_says_so(
    proven: tuple[World, list[str]], tmp_path: Path
) -> None:
    world, receipts = proven
    trust = trust_document(world.services.ledger.keys(world.operator()))
    proofs = [world.services.proofs.prove(inside(world), receipt) for receipt in receipts]
    assert sorted(proof["offset"] for proof in proofs) == list(range(COUNT))
    for receipt, proof in zip(receipts, proofs, strict=True):
        assert json.loads(proof["entry"])["receipt_id"] == receipt
    for proof in (proofs[0], proofs[10], proofs[-1]):
        code, said = script(tmp_path, proof, trust)
        assert (code, said.startswith("proven: ")) == (0, True), said


def test_the_script_computes_what_the_product_computes(proven: tuple[World, list[str]]) -> None:
    world, receipts = proven
    space: dict = {"__name__": "script"}
    exec(compile(SCRIPT.read_text(), str(SCRIPT), "exec"), space)  # noqa: S102 - our own file
    trust = trust_document(world.services.ledger.keys(world.operator()))
    for receipt in receipts:
        proof = world.services.proofs.prove(inside(world), receipt)
        assert space["check"](proof, trust["keys"])["stream"] == "admission"


def test_a_proof_that_was_touched_anywhere_proves_nothing(
    proven: tuple[World, list[str]],
) -> None:
    """Every member in turn, and the trusted keys."""
    world, receipts = proven
    space: dict = {"__name__": "script"}
    exec(compile(SCRIPT.read_text(), str(SCRIPT), "exec"), space)  # noqa: S102 - our own file
    trust = trust_document(world.services.ledger.keys(world.operator()))
    good = world.services.proofs.prove(inside(world), receipts[3])
    other = world.services.proofs.prove(inside(world), receipts[-1])
    chance = random.Random(7)
    touched = [
        {**good, "entry": good["entry"].replace("ADMIT", "DENY")},
        {**good, "entry": other["entry"]},
        {**good, "index": good["index"] + 1},
        {**good, "index": -1},
        {**good, "offset": good["offset"] + 1},
        {**good, "path": good["path"][:-1]},
        {**good, "path": [*good["path"], good["path"][0]]},
        {**good, "path": chance.sample(good["path"], len(good["path"]))[::-1]},
        {**good, "seal": good["seal"].replace('"entries":11', '"entries":12')},
        {**good, "seal": other["seal"]},
        {**good, "seal": other["seal"], "signature": other["signature"]},
        {**good, "signature": other["signature"]},
        {**good, "stream": "fact"},
        {**good, "document": "ops.proof.v2"},
    ]
    for proof in touched:
        with pytest.raises((ValueError, space["InvalidSignature"])):
            space["check"](proof, trust["keys"])
    stranger = MemorySigningKeys()
    stranger.current()
    with pytest.raises(ValueError, match="do not trust"):
        space["check"](good, trust_document(stranger.public_keys())["keys"])
    [(key_id, _)] = trust["keys"].items()
    with pytest.raises(ValueError, match="fit its id"):
        space["check"](good, {key_id: "00" * 32})


def test_the_script_fails_loudly_on_a_tampered_proof(
    proven: tuple[World, list[str]], tmp_path: Path
) -> None:
    world, receipts = proven
    trust = trust_document(world.services.ledger.keys(world.operator()))
    proof = world.services.proofs.prove(inside(world), receipts[5])
    for bad in ({**proof, "entry": "{}"}, {**proof, "signature": "00" * 64}, {}):
        code, said = script(tmp_path, bad, trust)
        assert (code, said.startswith("NOT PROVEN")) == (1, True)


def test_the_script_needs_no_more_than_a_page() -> None:
    lines = [
        line
        for line in SCRIPT.read_text().splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]
    assert len(lines) <= 72


def test_an_entry_of_another_tenant_is_not_there(proven: tuple[World, list[str]]) -> None:
    world, receipts = proven
    for call in (inside(world, "south"), world.operator()):
        with pytest.raises(EntryMissing):
            world.services.proofs.prove(call, receipts[0])
    with pytest.raises(EntryMissing):
        world.services.proofs.prove(inside(world), "0" * 32)


def test_proving_needs_its_permission(proven: tuple[World, list[str]]) -> None:
    world, receipts = proven
    call = world.operator(frozenset()).for_tenant(world.tenants["north"])
    with pytest.raises(PermissionMissing):
        world.services.proofs.prove(call, receipts[0])


def test_an_entry_that_is_not_sealed_yet_says_when_to_come_again(sealed: World) -> None:
    [receipt] = admit(sealed, 1)
    with pytest.raises(NotSealedYet, match="within 20 seconds") as told:
        sealed.services.proofs.prove(inside(sealed), receipt)
    assert told.value.retry_after == 20
    seal_all(sealed)
    assert sealed.services.proofs.prove(inside(sealed), receipt)["offset"] == 0


def test_an_entry_that_was_tampered_with_cannot_be_proven(sealed: World) -> None:
    receipts = admit(sealed, 3)
    seal_all(sealed)
    with sealed.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "UPDATE ops.admission SET body = replace(body, 'ADMIT', 'DENY') WHERE receipt_id = %s",
            (receipts[1],),
        )
    with pytest.raises(EntryDiffers):
        sealed.services.proofs.prove(inside(sealed), receipts[1])
    assert sealed.services.proofs.prove(inside(sealed), receipts[0])


def test_entries_of_every_epoch_can_be_proven(sealed: World) -> None:
    first = admit(sealed, 2)
    sealed.services.epochs.begin(sealed.operator())
    second = admit(sealed, 2, first=10)
    seal_all(sealed)
    offsets = [
        sealed.services.proofs.prove(inside(sealed), receipt)["offset"]
        for receipt in (*first, *second)
    ]
    assert sorted(offsets) == [0, 1, 2, 3]
