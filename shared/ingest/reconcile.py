"""Writes the receipt documents whose write was lost (001-R4, 002-R21)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.governance.facts import record
from shared.identity.authority import demand
from shared.ingest.documents import Documents
from shared.ingest.receipts import Document, render_from_ledger
from shared.ingest.vocabulary import DOCUMENTS_BACKFILLED, Permission
from shared.kernel import log
from shared.kernel.call import Call
from shared.kernel.canonical import content_address
from shared.kernel.db import Database
from shared.kernel.errors import OpsError, Unavailable
from shared.kernel.ids import TenantId
from shared.kernel.sql import Queries

_sql = Queries("shared.ingest")

OVERDUE = timedelta(seconds=30)
"""A document older than this was not merely slow."""
_BATCH = 200
ANSWERS_KEPT = timedelta(days=2)
"""How long a repeat under an Idempotency-Key gets the stored answer. After that its records are
still recognised one by one, by their event ids."""
_FORGET_BATCH = 5000
_FORGET_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Backfill:
    """What one run found and did."""

    found: int
    written: int


class Reconciler:
    """Finds documents that Postgres promised and Blob storage lacks."""

    def __init__(self, control: Database, documents: Documents) -> None:
        """Look across tenants as ``control``."""
        self._control = control
        self._documents = documents

    def backfill(self, call: Call, overdue: timedelta = OVERDUE) -> Backfill:
        """Write what is overdue; cheap when nothing is, and safe to run twice at once.

        A document that cannot be written is passed over; storage or a database that is away ends
        the run, since the next one comes soon.
        """
        demand(call, Permission.RECEIPT_RECONCILE)
        found = written = 0
        try:
            for document in self._overdue(call, call.now - overdue):
                found += 1
                written += self._write(call, document)
        except Unavailable as error:
            log.trouble("ingest.document.away", error, count=found)
        if written:
            with self._control.transaction(call) as tx:
                record(tx, call, DOCUMENTS_BACKFILLED, call.call_id, documents=written)
        return Backfill(found, written)

    def _overdue(self, call: Call, before: datetime) -> Iterator[Document]:
        after = ""
        while True:
            with self._control.platform(call, read_only=True) as tx:
                page = tx.all(
                    Document,
                    _sql.unwritten_documents,
                    {"before": before, "after": after, "batch": _BATCH},
                )
            yield from page
            if len(page) < _BATCH:
                return
            after = page[-1].request_id

    def forget_answers(self, call: Call) -> int:
        """Forget old idempotent answers and return how many; a transaction a batch."""
        demand(call, Permission.RECEIPT_RECONCILE)
        forgotten = 0
        stop = time.monotonic() + _FORGET_SECONDS
        while time.monotonic() < stop:
            with self._control.platform(call) as tx:
                batch = tx.run(
                    _sql.forget_answers,
                    {"before": call.now - ANSWERS_KEPT, "batch": _FORGET_BATCH},
                )
            forgotten += batch
            if batch < _FORGET_BATCH:
                break
        return forgotten

    def _write(self, call: Call, document: Document) -> bool:
        inside = call.for_tenant(TenantId(document.tenant_id))
        try:
            with self._control.transaction(inside, read_only=True) as tx:
                rendered = render_from_ledger(tx, document)
            if content_address(rendered) != document.digest:
                # Never write what does not match the index: an operator has to look.
                log.trouble("ingest.document.differs", request_id=document.request_id)
                return False
            self._documents.write(inside, document.request_id, document.digest, rendered)
        except Unavailable:
            raise
        except OpsError as error:
            log.trouble("ingest.document.lagging", error, request_id=document.request_id)
            return False
        return True
