"""Receipts: what they say, and how a changed byte anywhere is found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson
import psycopg
import pytest

from shared.ingest import errors
from shared.ingest.admission import record_hash
from shared.ingest.receipts import CONTAINER, Check, blob_name
from shared.kernel.canonical import canonical, content_address
from shared.kernel.db import Login
from shared.kernel.ids import ReceiptId
from tests.support.factories import PLANTED, a_complaint, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import facts, lines, new_tenant, record_of

ALL_CHECKS = (
    "ledger_row",
    "index_row",
    "index_digest",
    "document",
    "document_digest",
    "document_line",
)


class Admitted:
    """One request of two orders, and ways to tamper with what it left."""

    def __init__(self, world: World, tenant: str, *records, contract="repair-order.v2") -> None:
        self.world = world
        self.tenant = tenant
        self.tenant_id = world.tenants[tenant]
        records = records or (an_order(1), an_order(2))
        answer = orjson.loads(world.submit(*records, tenant=tenant, contract=contract).body)
        self.receipt_ids = [record["receipt_id"] for record in answer["records"]]
        ((self.request_id, self.digest),) = world.rows(
            "SELECT request_id, digest FROM ops.receipt_document WHERE tenant_id = %s",
            self.tenant_id,
        )
        self.blob = (CONTAINER, blob_name(self.tenant_id, self.digest))
        self.document = world.blobs.get(*self.blob)

    def verify(self, which: int = 0) -> Check:
        call = self.world.producer(self.tenant)
        return self.world.services.receipts.verify(call, ReceiptId(self.receipt_ids[which]))

    def body(self, which: int = 0) -> str:
        return self.world.rows(
            "SELECT body FROM ops.admission WHERE receipt_id = %s", self.receipt_ids[which]
        )[0][0]

    @contextmanager
    def tampering(self) -> Iterator[psycopg.Connection[Any]]:
        """The administrator with triggers off, undone afterwards."""
        with self.world.connect() as admin:
            admin.execute("SET session_replication_role TO replica")
            index = admin.execute(
                "SELECT * FROM ops.receipt_document WHERE tenant_id = %s", (self.tenant_id,)
            ).fetchall()
            ledger = admin.execute(
                "SELECT month, body FROM ops.admission WHERE tenant_id = %s ORDER BY seq",
                (self.tenant_id,),
            ).fetchall()
            try:
                yield admin
            finally:
                self._restore(admin, ledger, index)

    def _restore(self, admin, ledger, index) -> None:
        mine = f"%{self.request_id[4:]}%"
        admin.execute("DELETE FROM ops.admission WHERE body LIKE %s", (mine,))
        admin.execute("DELETE FROM ops.admission WHERE tenant_id = %s", (self.tenant_id,))
        for row in ledger:
            admin.execute("INSERT INTO ops.admission (month, body) VALUES (%s, %s)", row)
        admin.execute("DELETE FROM ops.receipt_document WHERE digest = %s", (self.digest,))
        admin.execute("DELETE FROM ops.receipt_document WHERE request_id = %s", (self.request_id,))
        for row in index:
            admin.execute("INSERT INTO ops.receipt_document VALUES (%s, %s, %s, %s, %s, %s)", row)


@pytest.fixture(scope="module")
def admitted(land: World) -> Admitted:
    return Admitted(land, new_tenant(land))


@pytest.fixture(autouse=True)
def intact(admitted: Admitted) -> Iterator[None]:
    assert admitted.verify() == Check(
        admitted.receipt_ids[0], ok=True, checked=ALL_CHECKS, document=admitted.digest
    )
    yield
    assert admitted.verify().ok
    assert admitted.verify(1).ok


def run_of(land: World, admitted: Admitted) -> str:
    ((run_id,),) = land.rows(
        "SELECT run_id FROM ops.platform_run WHERE tenant_id = %s", admitted.tenant_id
    )
    return run_id


def test_a_receipt_says_what_002_asks_of_one(land: World, admitted: Admitted) -> None:
    """002-B, D2: decision, identity, policy, actor, provenance, order, and no personal value."""
    call = land.producer(admitted.tenant)
    text = land.services.receipts.find(call, admitted.receipt_ids[0])
    receipt = orjson.loads(text)
    assert canonical(receipt) == text
    services = land.services
    run_id = run_of(land, admitted)
    hexes = {
        receipt.pop("dedupe_key"),
        *(receipt.pop(n)["hex"] for n in ("payload_hash", "record_hash")),
    }
    assert {len(bytes.fromhex(text)) for text in hexes} == {32}
    assert len(hexes) == 3
    call_id = receipt.pop("call_id")
    assert call_id.startswith("cal_")
    assert receipt == {
        "receipt": "ops.receipt.v1",
        "receipt_id": admitted.receipt_ids[0],
        "tenant_id": admitted.tenant_id,
        "request_id": admitted.request_id,
        "index": 0,
        "decision": "ADMIT",
        "reason_codes": [],
        "evidence_refs": [],
        "event_id": "RO-000001",
        "event_type": "repair-order.v2",
        "event_class": "repair_order",
        "ts_utc": "2026-11-20T08:15:00.000000Z",
        "admitted_at_utc": "2026-11-21T08:00:00.000000Z",
        "platform_run_id": run_id,
        "run_segment": 1,
        "policy_rev": {"policy_id": "ingest", "content_digest": services.policy.shipped},
        "actor": {
            "actor_id": "SYSTEM::00000000-0000-4000-8000-00000000000b",
            "source_type": "SYSTEM",
            "auth_mode": "token",
            "principal": "00000000-0000-4000-8000-00000000000b",
        },
        "provenance": {
            "service_release_id": "unreleased",
            "environment": "local_parity",
            "config_revision": receipt["provenance"]["config_revision"],
        },
        "partitioning_profile_id": "by_subject.v1",
        "partition_key": "RO-000001",
        "eb_ref": {
            "stream": "admission",
            "entry": admitted.receipt_ids[0],
            "offset_kind": "entry",
        },
    }
    assert len(receipt["provenance"]["config_revision"]) == 64
    assert not any(planted in text.decode() for planted in PLANTED)


def test_every_fact_says_where_by_which_release_and_under_which_policy(land: World) -> None:
    """D2, 002-R4."""
    for (body,) in land.rows("SELECT body FROM ops.fact"):
        fact = orjson.loads(body)
        assert canonical(fact) == body.encode()
        assert fact["environment"] == "local_parity"
        assert fact["service_release_id"] == "unreleased"
        assert fact["source_type"] in {"SYSTEM", "HUMAN"}
        assert fact["actor_id"].startswith(fact["source_type"] + "::")
        if fact["name"].startswith("ingest:request"):
            assert fact["policy_rev"] == land.services.policy.shipped


def test_the_record_hash_can_be_worked_out_from_what_is_stored(
    land: World, admitted: Admitted
) -> None:
    """A changed row can be told: jsonb gives back what was hashed."""
    call = land.producer(admitted.tenant)
    with land.services.database(Login.DATA).transaction(call) as tx:
        keys = land.services.keyring.of(tx, admitted.tenant_id)
    deterministic, semantic = record_of(land, admitted.receipt_ids[0])
    told = orjson.loads(admitted.body())["record_hash"]
    assert (
        told["hex"] == record_hash(keys.index, canonical(deterministic), canonical(semantic)).hex()
    )
    deterministic["odometer_in"] += 1
    assert (
        told["hex"] != record_hash(keys.index, canonical(deterministic), canonical(semantic)).hex()
    )


def test_the_document_is_what_the_ledger_says_in_the_order_of_the_request(
    admitted: Admitted,
) -> None:
    header, *receipts = lines(admitted.document)
    assert header == {
        "document": "ops.receipts.v1",
        "tenant_id": admitted.tenant_id,
        "request_id": admitted.request_id,
        "receipts": 2,
    }
    assert [receipt["receipt_id"] for receipt in receipts] == admitted.receipt_ids
    assert [canonical(r).decode() for r in receipts] == [admitted.body(0), admitted.body(1)]
    assert content_address(admitted.document) == admitted.digest
    assert admitted.document.endswith(b"\n")


def test_every_byte_of_the_document_counts(land: World) -> None:
    """Whichever byte of the document changes, the check of its digest says so."""
    admitted = Admitted(land, new_tenant(land), a_complaint(1), contract="vehicle-complaint.v1")
    documents = land.blobs._documents
    verdicts = set()
    try:
        for position in range(len(admitted.document)):
            changed = bytearray(admitted.document)
            changed[position] ^= 1 << position % 8
            documents[admitted.blob] = bytes(changed)
            check = admitted.verify()
            verdicts.add((check.ok, check.failed, check.checked))
        for changed in (admitted.document[:-1], admitted.document + b"\n", b""):
            documents[admitted.blob] = changed
            check = admitted.verify()
            verdicts.add((check.ok, check.failed, check.checked))
    finally:
        documents[admitted.blob] = admitted.document
    assert admitted.verify().ok
    assert verdicts == {(False, "document_digest_differs", ALL_CHECKS[:4])}


def test_a_document_that_is_gone_is_named(land: World, admitted: Admitted) -> None:
    gone = land.blobs._documents.pop(admitted.blob)
    try:
        check = admitted.verify()
    finally:
        land.blobs._documents[admitted.blob] = gone
    assert (check.ok, check.failed, check.checked) == (False, "document_missing", ALL_CHECKS[:3])


def test_a_changed_character_of_the_ledger_row_is_named(admitted: Admitted) -> None:
    """Postgres refuses what is no JSON or another month; verify names the rest, all of it."""
    original = admitted.body()
    verdicts: dict[str, int] = {}
    with admitted.tampering() as admin:
        for position in range(0, len(original), 5):
            flipped = chr(ord(original[position]) ^ 1)
            changed = original[:position] + flipped + original[position + 1 :]
            try:
                admin.execute(
                    "UPDATE ops.admission SET body = %s WHERE receipt_id = %s",
                    (changed, admitted.receipt_ids[0]),
                )
            except psycopg.Error:
                verdict = "refused by postgres"
            else:
                check = admitted.verify()
                assert not check.ok
                verdict = str(check.failed)
                admin.execute(
                    "UPDATE ops.admission SET body = %s WHERE body = %s", (original, changed)
                )
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
    assert verdicts.keys() == {
        "refused by postgres",
        "ledger_row_missing",
        "ledger_row_not_canonical",
        "index_row_missing",
        "index_digest_differs",
    }
    assert verdicts["index_digest_differs"] > 50


@pytest.mark.parametrize(
    ("tamper", "failed"),
    [
        (lambda text: " " + text, "ledger_row_not_canonical"),
        (lambda text: text[:-1] + ',"index":0}', "ledger_row_not_canonical"),
        (lambda text: text.replace('"index":0', '"index":0.0'), "ledger_row_not_canonical"),
        (lambda text: text.replace('"index":0', '"index":7'), "index_digest_differs"),
        (
            lambda text: text.replace('"request_id":"req_', '"request_id":"req_x'),
            "index_row_missing",
        ),
    ],
)
def test_a_rewritten_ledger_row_is_named(admitted: Admitted, tamper, failed: str) -> None:
    original = admitted.body()
    assert tamper(original) != original
    with admitted.tampering() as admin:
        admin.execute(
            "UPDATE ops.admission SET body = %s WHERE receipt_id = %s",
            (tamper(original), admitted.receipt_ids[0]),
        )
        assert admitted.verify().failed == failed


def test_a_doubled_ledger_row_is_named(admitted: Admitted) -> None:
    """The gate's own login may insert; a second row of one receipt is not an admission."""
    original = admitted.body()
    with admitted.tampering() as admin:
        admin.execute(
            "INSERT INTO ops.admission (month, body) VALUES (202611, %s)",
            (original.replace('"index":0', '"index":7'),),
        )
        assert admitted.verify().failed == "ledger_row_doubled"
        assert admitted.verify(1).failed == "ledger_row_doubled"


@pytest.mark.parametrize("which", [0, 1])
def test_a_ledger_row_that_is_gone_is_named_by_every_receipt_of_its_document(
    admitted: Admitted, which: int
) -> None:
    with admitted.tampering() as admin:
        admin.execute(
            "DELETE FROM ops.admission WHERE receipt_id = %s", (admitted.receipt_ids[which],)
        )
        assert admitted.verify(0).failed == "ledger_row_missing"
        assert admitted.verify(1).failed == "ledger_row_missing"


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ("digest = reverse(digest)", "index_digest_differs"),
        ("receipt_ids = receipt_ids[2:]", "index_row_missing"),
        ("receipt_ids = receipt_ids[:1]", "index_digest_differs"),
        ("receipt_ids = ARRAY[receipt_ids[2], receipt_ids[1]]", "index_digest_differs"),
        ("receipt_ids = receipt_ids || 'ff'::text", "ledger_row_missing"),
        ("receipt_ids = receipt_ids || receipt_ids", "index_digest_differs"),
        ("request_id = 'other'", "index_row_missing"),
        ("tenant_id = 'other'", "index_row_missing"),
    ],
)
def test_a_changed_index_row_is_named(admitted: Admitted, change: str, failed: str) -> None:
    with admitted.tampering() as admin:
        admin.execute(
            f"UPDATE ops.receipt_document SET {change} WHERE request_id = %s",
            (admitted.request_id,),
        )
        assert admitted.verify().failed == failed


def test_an_index_row_that_is_gone_is_named(admitted: Admitted) -> None:
    with admitted.tampering() as admin:
        admin.execute(
            "DELETE FROM ops.receipt_document WHERE request_id = %s", (admitted.request_id,)
        )
        assert admitted.verify().failed == "index_row_missing"


def test_every_digit_of_the_index_digest_counts(admitted: Admitted) -> None:
    with admitted.tampering() as admin:
        for position in range(64):
            digits = list(admitted.digest)
            digits[position] = "0" if digits[position] != "0" else "1"
            admin.execute(
                "UPDATE ops.receipt_document SET digest = %s WHERE request_id = %s",
                ("".join(digits), admitted.request_id),
            )
            assert admitted.verify().failed == "index_digest_differs"


def test_a_receipt_is_there_for_its_tenant_alone(land: World, admitted: Admitted) -> None:
    other = new_tenant(land)
    receipts = land.services.receipts
    for read in (receipts.find, receipts.verify):
        if read == receipts.find:
            with pytest.raises(errors.ReceiptMissing):
                read(land.producer(other), ReceiptId(admitted.receipt_ids[0]))
        else:
            check = read(land.producer(other), ReceiptId(admitted.receipt_ids[0]))
            assert check.failed == "ledger_row_missing"
        with pytest.raises(errors.ReceiptMissing):
            read(
                replace(land.producer(), tenant_id=None),
                ReceiptId(admitted.receipt_ids[0]),
            )


def test_a_producer_without_a_grant_finds_no_receipt(land: World, admitted: Admitted) -> None:
    """Receipt ids can be worked out from event ids, so knowing one is no permission."""
    call = land.producer(admitted.tenant)
    stranger = replace(call.actor, subject="00000000-0000-4000-8000-0000000000ee")
    with pytest.raises(errors.TenantUnknown):
        land.services.receipts.find(replace(call, actor=stranger), admitted.receipt_ids[0])
    with pytest.raises(errors.TenantUnknown):
        land.services.receipts.verify(
            replace(call, actor=stranger), ReceiptId(admitted.receipt_ids[0])
        )


def test_an_event_time_with_an_offset_is_told_in_utc(land: World) -> None:
    """002-B ts_utc: the payload keeps what was sent, the receipt says the same moment in UTC."""
    tenant = new_tenant(land)
    order = an_order(9, opened_at="2026-11-20T08:15:00.25+02:00")
    (made,) = orjson.loads(land.submit(order, tenant=tenant).body)["records"]
    text = land.services.receipts.find(land.producer(tenant), made["receipt_id"])
    assert orjson.loads(text)["ts_utc"] == "2026-11-20T06:15:00.250000Z"
    deterministic, _ = record_of(land, made["receipt_id"])
    assert deterministic["opened_at"] == "2026-11-20T08:15:00.25+02:00"


def test_a_day_stays_a_day(land: World) -> None:
    tenant = new_tenant(land)
    answer = land.submit(a_complaint(9), tenant=tenant, contract="vehicle-complaint.v1")
    (made,) = orjson.loads(answer.body)["records"]
    text = land.services.receipts.find(land.producer(tenant), made["receipt_id"])
    assert orjson.loads(text)["ts_utc"] == "2024-02-19"


def test_the_decided_fact_names_the_document(land: World, admitted: Admitted) -> None:
    (fact,) = facts(land, "ingest:request:decided", admitted.tenant)
    assert fact["attributes"] == {
        "request_id": admitted.request_id,
        "contract": "repair-order.v2",
        "handling": "strict",
        "platform_run_id": run_of(land, admitted),
        "records": 2,
        "admitted": 2,
        "duplicates": 0,
        "quarantined": 0,
        "document": admitted.digest,
    }
