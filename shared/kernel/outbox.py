"""Queue messages that commit with their row and leave after it.

``send`` inserts an intent in the caller's transaction; ``sweep`` sends what has not left yet and
marks it. **A message is a hint, Postgres is the truth** (design 2.4): it holds references under
one envelope key, because the Functions host copies top-level members of a JSON message over its
own metadata. A crash between sending and marking sends twice, which a consumer must not notice.

::

    (insert) -> unsent -> sent
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from shared.kernel import log
from shared.kernel.call import Call, demand
from shared.kernel.canonical import Json, canonical
from shared.kernel.db import Database, Tx
from shared.kernel.errors import Unavailable
from shared.kernel.ids import IdSource
from shared.kernel.ports import QueueSender
from shared.kernel.sql import Queries

_sql = Queries("shared.kernel", "outbox.sql")

_BATCH = 500
_SECONDS = 10.0
"""How long a sweep sends; far below the life of a transaction, or it would send all again."""
ENVELOPE = "ops"
"""The one top-level member of every message."""


class Permission(StrEnum):
    """Permissions of the outbox."""

    MESSAGE_SWEEP = "outbox:message:sweep"


@dataclass(frozen=True, slots=True)
class Intent:
    """A message that has not left yet."""

    outbox_id: str
    queue: str
    envelope: str


def send(tx: Tx, call: Call, ids: IdSource, queue: str, refs: Mapping[str, Json]) -> str:
    """Announce a message in an open transaction; ``refs`` are identifiers and codes only."""
    outbox_id = ids.mint("msg", call.now)
    envelope = canonical(
        {
            ENVELOPE: {
                "id": outbox_id,
                "tenant_id": call.tenant_id,
                "call_id": call.call_id,
                "traceparent": call.traceparent,
                "refs": dict(refs),
            }
        }
    )
    tx.run(
        _sql.insert_intent,
        {
            "outbox_id": outbox_id,
            "tenant_id": call.tenant_id,
            "queue": queue,
            "envelope": envelope.decode(),
            "traceparent": call.traceparent,
            "now": call.now,
        },
    )
    return outbox_id


class Outbox:
    """Sends what services announced."""

    def __init__(self, control: Database, queues: QueueSender) -> None:
        """Look across tenants as ``control``."""
        self._control = control
        self._queues = queues

    def sweep(self, call: Call, older_than: timedelta = timedelta(0)) -> int:
        """Send every intent that is due and return how many left.

        Rows stay locked while their messages are sent, so that two sweepers share the work
        instead of doubling it. A queue that does not answer is left alone for the rest of the
        run, and the run ends well before Postgres would end its transaction.
        """
        demand(call, Permission.MESSAGE_SWEEP)
        sent: list[str] = []
        failed: list[str] = []
        silent: set[str] = set()
        stop = time.monotonic() + _SECONDS
        with self._control.platform(call) as tx:
            intents = tx.all(
                Intent, _sql.take_intents, {"before": call.now - older_than, "batch": _BATCH}
            )
            for intent in intents:
                if intent.queue in silent:
                    continue
                if time.monotonic() > stop:
                    break
                try:
                    self._queues.send(intent.queue, intent.envelope.encode())
                except Unavailable as error:
                    log.trouble("outbox.send.failed", error)
                    silent.add(intent.queue)
                    failed.append(intent.outbox_id)
                else:
                    sent.append(intent.outbox_id)
            tx.run(_sql.mark_sent, {"outbox_ids": sent, "failed_ids": failed, "now": call.now})
        return len(sent)
