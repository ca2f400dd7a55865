"""Receipt documents: one per request, named by its content, rendered from the ledger alone.

A document is NDJSON: a header line, then the canonical text of every receipt in the order of the
request. It can be rendered again from Postgres at any time, so a lost write costs nothing.

``verify`` checks, in this order, and reports the first difference: (1) the ledger row exists
once and its text is canonical; (2) the index names a document that holds the receipt; (3)
rendering the ledger gives the digest in the index; (4) the Blob document exists; (5) its bytes
hash to its own name; (6) the receipt's line in the document equals the ledger row, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from shared.identity.authority import demand, is_producer
from shared.ingest.admission import dedupe_key, receipt_id_of
from shared.ingest.errors import ReceiptDoubled, ReceiptMissing, TenantUnknown
from shared.ingest.lookups import PayloadSearch, Search
from shared.ingest.vocabulary import Permission
from shared.kernel.call import Call
from shared.kernel.canonical import NotCanonical, canonical, content_address
from shared.kernel.db import Database, Tx
from shared.kernel.ids import ReceiptId, TenantId
from shared.kernel.ports import BlobStore, DocumentMissing
from shared.kernel.sql import Queries

_sql = Queries("shared.ingest")

CONTAINER = "receipts"
MEDIA_TYPE = "application/x-ndjson"
_MOST_FOUND = 100
"""Receipts of one payload that are told; equal payloads have equal events, but for runs."""


@dataclass(frozen=True, slots=True)
class Document:
    """A row of the index."""

    tenant_id: str
    request_id: str
    digest: str
    receipt_ids: list[str]


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on one receipt: ``ok``, or the check that failed."""

    receipt_id: str
    ok: bool
    checked: tuple[str, ...]
    failed: str | None = None
    document: str | None = None


def blob_name(tenant_id: str, digest: str) -> str:
    """Return where a document lies in its container."""
    return f"{tenant_id}/{digest}.ndjson"


def render(tenant_id: str, request_id: str, bodies: Sequence[bytes]) -> bytes:
    """Return the document of a request; a pure function of the ledger."""
    header = canonical(
        {
            "document": "ops.receipts.v1",
            "tenant_id": tenant_id,
            "request_id": request_id,
            "receipts": len(bodies),
        }
    )
    return b"\n".join((header, *bodies, b""))


def render_from_ledger(tx: Tx, document: Document) -> bytes:
    """Return the document as the ledger tells it. Raises `ReceiptMissing` for a lost row."""
    found = ledger_bodies(tx, TenantId(document.tenant_id), document.receipt_ids)
    if not found.keys() >= set(document.receipt_ids):
        raise ReceiptMissing
    bodies = [found[receipt_id] for receipt_id in document.receipt_ids]
    return render(document.tenant_id, document.request_id, bodies)


def ledger_bodies(tx: Tx, tenant_id: TenantId, receipt_ids: Sequence[str]) -> Mapping[str, bytes]:
    """Return the ledger texts of some receipts, by id. Raises `ReceiptDoubled`."""
    rows = tx.rows(
        _sql.admission_bodies, {"tenant_id": tenant_id, "receipt_ids": list(receipt_ids)}
    )
    found = {receipt_id: body.encode() for receipt_id, body in rows}
    if len(found) != len(rows):
        raise ReceiptDoubled
    return found


class Receipts:
    """Reads and verifies receipts."""

    def __init__(self, data: Database, blobs: BlobStore) -> None:
        """Read rows as ``data`` and documents from ``blobs``."""
        self._data = data
        self._blobs = blobs

    def find(self, call: Call, receipt_id: str) -> bytes:
        """Return the canonical text of a receipt. Raises `ReceiptMissing`."""
        demand(call, Permission.RECEIPT_READ)
        tenant_id = _tenant_of(call)
        with self._data.transaction(call, read_only=True) as tx:
            _check_grant(tx, call, tenant_id)
            return _ledger_body(tx, tenant_id, receipt_id)

    def search(self, call: Call, wanted: Search) -> list[bytes]:
        """Return the receipts of admitted records that are looked for; none is no error.

        An event of a contract that knows events by run is looked for in one run: the one that is
        named, or the standing one. A payload may have several receipts: one for each run.
        """
        demand(call, Permission.RECEIPT_READ)
        tenant_id = _tenant_of(call)
        with self._data.transaction(call, read_only=True) as tx:
            _check_grant(tx, call, tenant_id)
            keys = _keys_of(tx, tenant_id, wanted)
            found = ledger_bodies(tx, tenant_id, [receipt_id_of(key) for key in keys])
            return [found[receipt_id] for receipt_id in sorted(found)]

    def verify(self, call: Call, receipt_id: ReceiptId) -> Check:  # noqa: PLR0911 - one per check
        """Check a receipt against ledger, index and Blob, as the module says."""
        demand(call, Permission.RECEIPT_READ)
        tenant_id = _tenant_of(call)
        passed: list[str] = []

        def verdict(failed: str | None, document: str | None = None) -> Check:
            return Check(receipt_id, failed is None, tuple(passed), failed, document)

        document: Document | None = None
        try:
            with self._data.transaction(call, read_only=True) as tx:
                _check_grant(tx, call, tenant_id)
                # (1)
                body = _ledger_body(tx, tenant_id, receipt_id)
                request_id = _request_of(body)
                if request_id is None:
                    return verdict("ledger_row_not_canonical")
                passed.append("ledger_row")
                # (2)
                document = tx.one(
                    Document,
                    _sql.document_of_request,
                    {"tenant_id": tenant_id, "request_id": request_id},
                )
                if document is None or receipt_id not in document.receipt_ids:
                    return verdict("index_row_missing")
                passed.append("index_row")
                # (3)
                rendered = render_from_ledger(tx, document)
        except ReceiptMissing:
            return verdict("ledger_row_missing", document.digest if document else None)
        except ReceiptDoubled:
            return verdict("ledger_row_doubled", document.digest if document else None)
        if content_address(rendered) != document.digest:
            return verdict("index_digest_differs", document.digest)
        passed.append("index_digest")
        # (4)
        try:
            stored = self._blobs.get(CONTAINER, blob_name(tenant_id, document.digest))
        except DocumentMissing:
            return verdict("document_missing", document.digest)
        passed.append("document")
        # (5)
        if content_address(stored) != document.digest:
            return verdict("document_digest_differs", document.digest)
        passed.append("document_digest")
        # (6)
        if body not in stored.split(b"\n"):
            return verdict("document_line_differs", document.digest)
        passed.append("document_line")
        return verdict(None, document.digest)


def _tenant_of(call: Call) -> TenantId:
    if call.tenant_id is None:
        raise ReceiptMissing
    return call.tenant_id


def _check_grant(tx: Tx, call: Call, tenant_id: TenantId) -> None:
    """Let a producer look only into tenants that it works for; others are not there (design 3)."""
    if is_producer(call) and not tx.value(
        _sql.works_for, {"tenant_id": tenant_id, "object_id": call.actor.subject}
    ):
        raise TenantUnknown


def _keys_of(tx: Tx, tenant_id: TenantId, wanted: Search) -> list[bytes]:
    if isinstance(wanted, PayloadSearch):
        return tx.values(
            _sql.keys_of_payload,
            {"tenant_id": tenant_id, "payload_hash": wanted.payload_hash, "most": _MOST_FOUND},
            binary=True,
        )
    run_id = wanted.run_id
    if wanted.contract.per_run and run_id is None:
        run_id = tx.value(_sql.standing_run, {"tenant_id": tenant_id})
    return [dedupe_key(wanted.contract, tenant_id, run_id or "", wanted.event)]


def _ledger_body(tx: Tx, tenant_id: TenantId, receipt_id: str) -> bytes:
    found = ledger_bodies(tx, tenant_id, [receipt_id])
    if receipt_id not in found:
        raise ReceiptMissing
    return found[receipt_id]


def _request_of(body: bytes) -> str | None:
    try:
        value = orjson.loads(body)
        if canonical(value) != body:
            return None
    except (orjson.JSONDecodeError, NotCanonical):
        return None
    found = value.get("request_id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
