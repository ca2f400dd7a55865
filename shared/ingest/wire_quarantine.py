"""How the quarantine is spelled over HTTP and on the command line; no content of a record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.ingest.errors import QuarantineMissing
from shared.ingest.quarantine import MOST_LISTED, Entry, Reason, Settled, State
from shared.ingest.schema import Instant
from shared.kernel import commands
from shared.kernel.clock import instant
from shared.kernel.inbound import Reply, Request

ReceiptIdText = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]

_RECEIPT_ID = re.compile(r"[0-9a-f]{32}")
_CONTRACT = r"^[a-z][a-z0-9-]{0,60}\.v[0-9]{1,4}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QuarantineQuery(_Part):
    """Which records are asked for."""

    state: State = State.HELD
    contract: Annotated[str, Field(pattern=_CONTRACT)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 100


class SettleCommand(_Part):
    """Why a held record is released or discarded."""

    reason: Reason


class HeldReasonView(_Part):
    """What is wrong with a held record: a place inside it, as far as the contract knows it."""

    pointer: str
    code: str


class HeldView(_Part):
    """A record in quarantine: where it came from and why it is there."""

    receipt_id: ReceiptIdText
    state: State
    contract: str
    reasons: list[HeldReasonView]
    request_id: str
    index: Annotated[int, Field(ge=0, description="Its place in that request.")]
    platform_run_id: str
    sent_by: str
    content_bytes: Annotated[int, Field(ge=0)]
    held_at_utc: Instant
    expires_at_utc: Instant
    settled_at_utc: Instant | None
    settled_by: str | None
    reason_code: Reason | None
    released_as: Annotated[
        ReceiptIdText | None, Field(description="The receipt of the admission that it became.")
    ]


class QuarantineView(_Part):
    """Records in one state, oldest first."""

    records: list[HeldView]


class SettledView(_Part):
    """A record after a release or a discard, and whether this request did it."""

    changed: bool
    record: HeldView


def query(request: Request) -> QuarantineQuery:
    """Return which records are asked for. Raises `CommandUnfit`."""
    return commands.read_query(QuarantineQuery, request.query)


def reason(request: Request) -> Reason:
    """Return why a record is settled. Raises what `commands.read` raises."""
    return commands.read(SettleCommand, request).reason


def receipt_id(request: Request) -> str:
    """Return which record is meant. Raises `QuarantineMissing` for what cannot be an id."""
    found = request.params.get("receipt_id", "")
    if not _RECEIPT_ID.fullmatch(found):
        raise QuarantineMissing
    return found


def held_view(entry: Entry) -> HeldView:
    """Return a record as it is shown."""
    return HeldView(
        receipt_id=entry.receipt_id,
        state=State(entry.state),
        contract=entry.contract,
        reasons=[HeldReasonView(pointer=r["pointer"], code=r["code"]) for r in entry.reasons],
        request_id=entry.request_id,
        index=entry.record_index,
        platform_run_id=entry.run_id,
        sent_by=entry.sent_by,
        content_bytes=entry.content_bytes,
        held_at_utc=instant(entry.held_at),
        expires_at_utc=instant(entry.expires_at),
        settled_at_utc=_or_none(entry.settled_at),
        settled_by=entry.settled_by,
        reason_code=Reason(entry.reason_code) if entry.reason_code else None,
        released_as=entry.released_as,
    )


def listed(entries: Sequence[Entry]) -> Reply:
    """Return a list of records."""
    view = QuarantineView(records=[held_view(entry) for entry in entries])
    return Reply(view.model_dump_json().encode())


def shown(entry: Entry) -> Reply:
    """Return one record."""
    return Reply(held_view(entry).model_dump_json().encode())


def settled(done: Settled) -> Reply:
    """Return what became of a record."""
    view = SettledView(changed=done.changed, record=held_view(done.entry))
    return Reply(view.model_dump_json().encode())


def _or_none(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)
