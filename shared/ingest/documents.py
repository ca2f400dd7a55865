"""Writes receipt documents after the commit, off the caller's clock.

One writer thread takes what requests leave behind. Its queue is bounded: what does not fit, what
fails and what dies with the process is written by the reconciler, because Postgres knows every
document that is still unwritten.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field

from shared.ingest.receipts import CONTAINER, MEDIA_TYPE, blob_name
from shared.kernel import log
from shared.kernel.call import Call
from shared.kernel.clock import Clock
from shared.kernel.db import Database
from shared.kernel.ports import BlobStore
from shared.kernel.sql import Queries

_sql = Queries("shared.ingest")

_WAITING = 256


@dataclass(frozen=True, slots=True)
class Pending:
    """A document that committed and is not in Blob storage yet."""

    call: Call
    request_id: str
    digest: str
    document: bytes = field(repr=False)


class Documents:
    """Puts receipt documents where they belong."""

    def __init__(
        self, data: Database, blobs: BlobStore, clock: Clock, *, background: bool = True
    ) -> None:
        """Write to ``blobs`` and note it as ``data``; without ``background`` callers wait."""
        self._data = data
        self._blobs = blobs
        self._clock = clock
        self._background = background
        self._queue: queue.Queue[Pending] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def write_soon(self, pending: Pending) -> None:
        """Write a document without making the caller wait; never raises."""
        if not self._background:
            self._write(pending)
            return
        try:
            self._start()
            self._queue.put_nowait(pending)
        except (queue.Full, RuntimeError) as error:
            # Full, or no thread can be started: the reconciler will write it.
            log.trouble("ingest.document.postponed", error, request_id=pending.request_id)

    def settle(self) -> None:
        """Wait until everything handed over so far was tried."""
        if self._thread is not None:
            self._queue.join()

    def write(self, call: Call, request_id: str, digest: str, document: bytes) -> None:
        """Write a document and note it. Raises `Unavailable`; doing it twice is harmless."""
        name = blob_name(call.tenant_id or "", digest)
        self._blobs.put_once(CONTAINER, name, document, media_type=MEDIA_TYPE)
        with self._data.transaction(call) as tx:
            tx.run(
                _sql.mark_document_written,
                {
                    "tenant_id": call.tenant_id,
                    "request_id": request_id,
                    "now": self._clock.now(),
                },
            )

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="receipt-documents", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            pending = self._queue.get()
            try:
                self._write(pending)
            finally:
                self._queue.task_done()

    def _write(self, pending: Pending) -> None:
        try:
            self.write(pending.call, pending.request_id, pending.digest, pending.document)
        except Exception as error:  # noqa: BLE001 - a thread's edge: it must outlive any document
            # The admission stands; the reconciler finds the document by its missing mark.
            log.trouble("ingest.document.lagging", error, request_id=pending.request_id)
