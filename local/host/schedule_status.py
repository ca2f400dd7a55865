"""When a timer last ran, when it should run next, and what to do about it at start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.host.ncrontab import Schedule

NEVER = datetime.min  # noqa: DTZ901 -- naive UTC, as everything in this module


@dataclass(frozen=True, slots=True)
class Status:
    """Naive UTC times; `last` is NEVER until the first run."""

    last: datetime
    next: datetime
    updated: datetime

    def to_document(self) -> dict[str, str]:
        return {
            "Last": _text(self.last),
            "Next": _text(self.next),
            "LastUpdated": _text(self.updated),
        }

    @classmethod
    def from_document(cls, document: dict[str, str]) -> Status:
        return cls(
            last=_time(document["Last"]),
            next=_time(document["Next"]),
            updated=_time(document["LastUpdated"]),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do at start: the status to go on with, whether to store it, whether a run is due."""

    status: Status
    store: bool
    past_due: bool


def at_start(stored: Status | None, schedule: Schedule, now: datetime) -> Verdict:
    """Judge a stored status: one missed run is made up for, unless the schedule has changed."""
    if stored is None:
        return Verdict(Status(NEVER, schedule.after(now), now), store=True, past_due=False)
    basis = stored.last if stored.last != NEVER else stored.updated
    expected = schedule.after(basis if basis != NEVER else now)
    if stored.next == expected:
        return Verdict(stored, store=False, past_due=now > stored.next)
    if now > expected:
        expected = schedule.after(now)
    return Verdict(Status(NEVER, expected, now), store=True, past_due=False)


def after_run(status: Status, schedule: Schedule, invoked: datetime, *, scheduled: bool) -> Status:
    """The status once a run has ended; a run that fired early counts as its scheduled time."""
    if scheduled and status.next > invoked:
        invoked = status.next
    return Status(invoked, schedule.after(invoked), invoked)


def timer_info(status: Status | None, *, past_due: bool) -> dict[str, object]:
    """The JSON that a timer function receives."""
    return {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": status.to_document() if status is not None else None,
        "IsPastDue": past_due,
    }


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _text(moment: datetime) -> str:
    return moment.isoformat() + "+00:00"


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    # Year 1 cannot move to another zone; every time written here is UTC anyway.
    if moment.tzinfo is None or moment.utcoffset() == timedelta(0):
        return moment.replace(tzinfo=None)
    return moment.astimezone(UTC).replace(tzinfo=None)
