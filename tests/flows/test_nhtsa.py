"""4,870 real complaints through the gate: each decided, each count the same wherever it is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from azure.storage.blob import BlobServiceClient

from shared.adapters.blobs import AzureBlobs
from shared.ingest.contracts import shipped
from shared.ingest.documents import Documents
from shared.ingest.errors import PayloadDiffers, RecordsRefused
from shared.ingest.receipts import CONTAINER, Receipts
from shared.ingest.shape import REASONS
from shared.kernel.db import Login
from tests.support.fix_db import World
from tests.support.fix_worlds import Unshown, grow, lines

CONTRACT = "vehicle-complaint.v1"
BATCH = 500
NAMES = {
    "odino": "odi_number",
    "fail_date": "failed_on",
    "received": "received_on",
    "vin11": "vin_prefix",
}
YES_OR_NO = {"Y": True, "N": False}
LEAKS = {"pii_deterministic_leak", "pii_semantic_leak", "pii_leakage_detected"}


def as_complaint(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the sample as the contract spells it; nothing is repaired but the spelling."""
    record = {NAMES.get(name, name): value for name, value in row.items() if name != "src"}
    for flag in ("crash", "fire"):
        record[flag] = YES_OR_NO.get(record[flag])
    return {name: value for name, value in record.items() if value not in (None, "")}


@pytest.fixture(scope="module")
def complaints(shared_data: Path) -> list[dict[str, Any]]:
    file = shared_data / "ro_nhtsa_complaints" / "dev" / "nhtsa_complaints_dev.jsonl"
    return Unshown(as_complaint(orjson.loads(line)) for line in file.read_bytes().splitlines())


class Run:
    """Everything sent once, in batches; what a batch is refused for is dropped and counted."""

    def __init__(
        self, world: World, complaints: Sequence[dict[str, Any]], blobs: AzureBlobs
    ) -> None:
        self.world = world
        self.blobs = blobs
        self.outcomes: Counter[str] = Counter()
        self.refused: list[tuple[str, str]] = []
        self.receipts: set[str] = set()
        self.requests = 0
        for start in range(0, len(complaints), BATCH):
            self._send(Unshown(complaints[start : start + BATCH]))

    def _send(self, batch: list[dict[str, Any]]) -> None:
        while batch:
            try:
                answer = self.world.submit(*batch, contract=CONTRACT)
            except (RecordsRefused, PayloadDiffers) as refused:
                batch = self._without(batch, refused)
                continue
            told = orjson.loads(answer.body)["records"]
            assert len(told) == len(batch)
            self.outcomes.update(record["decision"] for record in told)
            self.receipts.update(record["receipt_id"] for record in told)
            self.requests += answer.admitted > 0
            return

    def _without(self, batch, refused) -> list[dict[str, Any]]:
        reasons: dict[int, str] = {}
        for item in refused.items:
            _, index, *_ = item.pointer.split("/")
            reasons.setdefault(int(index), item.code)
            self.refused.append((item.pointer, item.code))
        assert reasons, "a refusal names what it refuses"
        self.outcomes.update(reasons.values())
        return Unshown(record for index, record in enumerate(batch) if index not in reasons)


@pytest.fixture(scope="module")
def runs(
    stack, template, tmp_path_factory, complaints, module_storage
) -> Iterator[tuple[Run, Run]]:
    """Both runs on real Postgres and real Blob storage."""
    folder = tmp_path_factory.mktemp("nhtsa")
    with (
        BlobServiceClient.from_connection_string(module_storage) as service,
        grow(stack, template, folder) as world,
    ):
        blobs = AzureBlobs(service)
        world.services.__dict__["documents"] = Documents(
            world.services.database(Login.DATA), blobs, world.clock, background=False
        )
        world.services.__dict__["receipts"] = Receipts(world.services.database(Login.DATA), blobs)
        yield Run(world, complaints, blobs), Run(world, complaints, blobs)


def test_every_complaint_is_admitted_known_or_refused_with_a_reason(
    runs, complaints, capsys
) -> None:
    """000-R15, 000-R17: full validation of real data, and no outcome without a code."""
    first, _ = runs
    assert len(complaints) == 4870
    assert sum(first.outcomes.values()) == len(complaints)
    codes = first.outcomes.keys() - {"ADMIT", "DUPLICATE"}
    assert codes <= REASONS.keys() | LEAKS | {"payload_hash_mismatch"}
    fields = shipped()[CONTRACT].fields
    assert {pointer.split("/")[2] for pointer, _ in first.refused if pointer.count("/") > 1} <= (
        fields.keys()
    )
    assert first.outcomes["ADMIT"] > 4_000
    with capsys.disabled():
        print(f"\nnhtsa: {dict(sorted(first.outcomes.items()))}")  # noqa: T201 - the counts are a result


def test_the_second_run_admits_nothing_and_refuses_the_same(runs) -> None:
    first, second = runs
    assert second.outcomes["ADMIT"] == 0
    assert second.outcomes["DUPLICATE"] == (first.outcomes["ADMIT"] + first.outcomes["DUPLICATE"])
    assert second.receipts == first.receipts
    for code in first.outcomes.keys() - {"ADMIT", "DUPLICATE"}:
        assert second.outcomes[code] == first.outcomes[code]


def test_answers_tables_and_documents_agree(runs) -> None:
    first, _ = runs
    world, admitted = first.world, first.outcomes["ADMIT"]
    counts = world.rows(
        "SELECT (SELECT count(*) FROM ops.admission), (SELECT count(*) FROM ops.admission_key),"
        " (SELECT count(*) FROM ops.record),"
        " (SELECT count(DISTINCT receipt_id) FROM ops.admission),"
        " (SELECT sum(cardinality(receipt_ids)) FROM ops.receipt_document)"
    )
    assert counts == [(admitted,) * 5]
    assert len(first.receipts) == admitted

    names = list(first.blobs.names(CONTAINER))
    assert len(names) == first.requests
    held: list[str] = []
    for name in names:
        header, *receipts = lines(first.blobs.get(CONTAINER, name))
        assert header["receipts"] == len(receipts)
        held += [receipt["receipt_id"] for receipt in receipts]
    assert len(held) == len(set(held)) == admitted
    assert set(held) == first.receipts

    (decided,) = world.rows(
        "SELECT sum((body::jsonb -> 'attributes' ->> 'admitted')::int),"
        "       sum((body::jsonb -> 'attributes' ->> 'duplicates')::int)"
        "  FROM ops.fact WHERE name = 'ingest:request:decided'"
    )
    second_duplicates = admitted + first.outcomes["DUPLICATE"]
    assert decided == (admitted, first.outcomes["DUPLICATE"] + second_duplicates)


def test_every_admitted_complaint_verifies(runs) -> None:
    first, _ = runs
    call = first.world.producer()
    sample = sorted(first.receipts)[:: max(1, len(first.receipts) // 25)]
    checks = [first.world.services.receipts.verify(call, receipt_id) for receipt_id in sample]
    assert {check.ok for check in checks} == {True}


def test_no_place_of_a_complainant_is_outside_the_vault(runs, complaints) -> None:
    """City and state are pii: sealed for everyone who gave them, and in no deterministic part."""
    world = runs[0].world
    assert world.rows(
        "SELECT count(*) FROM ops.record WHERE deterministic ? 'city' OR deterministic ? 'state'"
    ) == [(0,)]
    sealed = world.rows("SELECT count(*) FROM ops.pii_vault")[0][0]
    placed = sum(1 for record in complaints if "city" in record or "state" in record)
    assert 0 < sealed <= placed
