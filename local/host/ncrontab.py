"""NCRONTAB schedules: five or six fields, as the NCrontab library of the Functions host reads them.

Two differences from Unix cron catch people out: when both day fields are restricted *both* must
match, and Sunday is 0 only (7 is refused).
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_SPAN_YEARS = 8


class ScheduleError(ValueError):
    """A schedule that can not be read or never fires."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def parse(self, text: str) -> frozenset[int]:
        values: set[int] = set()
        for part in text.split(","):
            values |= self._part(part)
        return frozenset(values)

    def _part(self, text: str) -> set[int]:
        span, slash, every = text.partition("/")
        step = 1
        if slash:
            if not every.isdecimal() or int(every) < 1:
                raise ScheduleError(f"{self.name}: {text!r} has no step above zero")
            step = int(every)
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = self.least, self.most
        elif dash:
            low, high = self._value(first), self._value(last)
            if low > high:
                raise ScheduleError(f"{self.name}: {span!r} runs backwards")
        else:
            low = self._value(span)
            high = self.most if slash else low
        return set(range(low, high + 1, step))

    def _value(self, text: str) -> int:
        lowered = text.lower()
        for number, name in enumerate(self.names, self.least):
            if lowered in {name, name[:3]}:
                return number
        if not text.isdecimal() or not self.least <= int(text) <= self.most:
            raise ScheduleError(f"{self.name}: {text!r} is not {self.least}-{self.most}")
        return int(text)


_MONTHS = tuple(name.lower() for name in calendar.month_name[1:])
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule; times are naive and mean UTC, as in Azure."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    # The host keeps no status for a schedule whose fields but the seconds are all `*`.
    is_monitored: bool

    def after(self, moment: datetime) -> datetime:
        """The first occurrence later than `moment`."""
        day = moment.date()
        for _ in range(_SPAN_YEARS * 366):
            if self._fires_on(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        for second in self.seconds:
                            found = datetime(day.year, day.month, day.day, hour, minute, second)  # noqa: DTZ001 -- naive on purpose
                            if found > moment:
                                return found
            day += timedelta(days=1)
        raise ScheduleError(f"{self.text!r} never fires")

    def _fires_on(self, day: date) -> bool:
        weekday = (day.weekday() + 1) % 7
        return day.month in self.months and day.day in self.days and weekday in self.weekdays


def parse(text: str) -> Schedule:
    """Read `{second} {minute} {hour} {day} {month} {day of week}`, or five fields for second 0."""
    parts = text.split()
    if len(parts) == len(_FIELDS) - 1:
        parts = ["0", *parts]
    if len(parts) != len(_FIELDS):
        raise ScheduleError(f"{text!r} must have five or six fields (a time span needs func start)")
    values = [field.parse(part) for field, part in zip(_FIELDS, parts, strict=True)]
    return Schedule(
        text=text,
        seconds=tuple(sorted(values[0])),
        minutes=tuple(sorted(values[1])),
        hours=tuple(sorted(values[2])),
        days=values[3],
        months=values[4],
        weekdays=values[5],
        is_monitored=any(part != "*" for part in parts[1:]),
    )
