"""How platform runs are spelled over HTTP and on the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.ingest.errors import RunUnknown
from shared.ingest.runs import Outcome, Run, RunRow
from shared.ingest.schema import Digest, Instant
from shared.ingest.wire import IDEMPOTENCY_KEY
from shared.kernel import commands
from shared.kernel.clock import instant
from shared.kernel.inbound import Reply, Request

_RUN_ID = re.compile(r"run_[0-9a-hjkmnp-tv-z]{26}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenCommand(_Part):
    """Opening a run takes nothing but headers."""


class CloseCommand(_Part):
    """How a run is closed."""

    outcome: Outcome


class SegmentView(_Part):
    """A part of a run under one policy revision."""

    segment: Annotated[int, Field(ge=1)]
    policy_rev: Digest
    opened_at_utc: Instant
    opened_by: str


class RunView(_Part):
    """A platform run; the standing one was opened with its tenant and is never closed."""

    run_id: Annotated[str, Field(pattern=r"^run_[0-9a-z]{26}$")]
    state: Literal["open", "closed"]
    standing: bool
    segments: Annotated[int, Field(ge=0, description="How many segments it has.")]
    opened_at_utc: Instant
    opened_by: str | None
    closed_at_utc: Instant | None
    closed_by: str | None
    outcome: Outcome | None


class RunsView(_Part):
    """The newest runs of a tenant, newest first."""

    runs: list[RunView]


class RunDetailView(_Part):
    """A run with its segments, oldest first, and whether this request changed it."""

    changed: bool
    run: RunView
    segments: list[SegmentView]


def open_key(request: Request) -> str | None:
    """Return the key of a request that opens a run. Raises what `commands.read` raises."""
    if request.body:
        commands.read(OpenCommand, request)
    return request.headers.get(IDEMPOTENCY_KEY)


def outcome(request: Request) -> Outcome:
    """Return how a run is closed. Raises what `commands.read` raises."""
    return commands.read(CloseCommand, request).outcome


def run_id(request: Request) -> str:
    """Return which run is meant. Raises `RunUnknown` for what cannot be an id."""
    found = request.params.get("run_id", "")
    if not _RUN_ID.fullmatch(found):
        raise RunUnknown
    return found


def run_view(row: RunRow) -> RunView:
    """Return a run as it is shown."""
    return RunView(
        run_id=row.run_id,
        state="open" if row.closed_at is None else "closed",
        standing=row.standing,
        segments=row.segments,
        opened_at_utc=instant(row.opened_at),
        opened_by=row.opened_by,
        closed_at_utc=_or_none(row.closed_at),
        closed_by=row.closed_by,
        outcome=Outcome(row.outcome) if row.outcome else None,
    )


def detail_view(run: Run) -> RunDetailView:
    """Return a run with its segments."""
    return RunDetailView(
        changed=run.changed,
        run=run_view(run.row),
        segments=[
            SegmentView(
                segment=part.segment,
                policy_rev=part.policy_rev,
                opened_at_utc=instant(part.opened_at),
                opened_by=part.opened_by,
            )
            for part in run.segments
        ],
    )


def listed(rows: Sequence[RunRow]) -> Reply:
    """Return a list of runs."""
    return Reply(RunsView(runs=[run_view(row) for row in rows]).model_dump_json().encode())


def shown(run: Run) -> Reply:
    """Return a run with its segments."""
    return Reply(detail_view(run).model_dump_json().encode())


def opened(run: Run) -> Reply:
    """Return a run that was opened; 201 when this request did it."""
    body = detail_view(run).model_dump_json().encode()
    return Reply(body, status=201 if run.changed else 200)


def _or_none(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)
