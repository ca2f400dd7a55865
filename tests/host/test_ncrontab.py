"""NCRONTAB schedules (functions-host 3.2)."""

from __future__ import annotations

from datetime import datetime

import pytest

from local.host.ncrontab import ScheduleError, parse


def _after(schedule: str, moment: str) -> str:
    return parse(schedule).after(datetime.fromisoformat(moment)).isoformat(" ")


@pytest.mark.parametrize(
    ("schedule", "moment", "expected"),
    [
        ("0 */5 * * * *", "2026-11-20 10:03:00", "2026-11-20 10:05:00"),
        ("*/15 * * * * *", "2026-11-20 10:03:46", "2026-11-20 10:04:00"),
        ("0 0 9-17/4 * * *", "2026-11-20 13:00:00", "2026-11-20 17:00:00"),
        ("0 30 9 1,15 Jan,jul *", "2026-02-01 00:00:00", "2026-07-01 09:30:00"),
        ("0 0 0 * * Mon", "2026-11-20 10:00:00", "2026-11-23 00:00:00"),
        ("0 0 0 29 2 *", "2026-11-20 00:00:00", "2028-02-29 00:00:00"),
        ("0 10/20 * * * *", "2026-11-20 10:11:00", "2026-11-20 10:30:00"),
        ("0 0 0 * * Sunday", "2026-11-20 00:00:00", "2026-11-22 00:00:00"),
    ],
)
def test_next_occurrence_of_six_fields(schedule, moment, expected):
    assert _after(schedule, moment) == expected


def test_next_occurrence_is_always_later_than_the_moment_itself():
    assert _after("0 0 * * * *", "2026-11-20 10:00:00") == "2026-11-20 11:00:00"


def test_five_fields_mean_second_zero():
    # functions-host 3.2: 5 fields accepted (no seconds)
    assert _after("*/10 * * * *", "2026-11-20 10:03:30") == "2026-11-20 10:10:00"


def test_day_of_month_and_day_of_week_must_both_match():
    # functions-host 3.2: Vixie cron would fire on the next Friday, the 27th
    assert _after("0 0 0 13 * Fri", "2026-11-20 00:00:00") == "2027-08-13 00:00:00"


def test_sunday_is_zero_and_seven_is_refused():
    # functions-host 3.2: 7 is invalid
    assert _after("0 0 0 * * 0", "2026-11-20 00:00:00") == "2026-11-22 00:00:00"
    with pytest.raises(ScheduleError, match="day of week"):
        parse("0 0 0 * * 7")


@pytest.mark.parametrize(
    "schedule",
    """
    *|* * * *|* * * * * * *|60 * * * * *|0 0 24 * * *|0 0 0 0 * *|0 0 0 * 13 *|a * * * * *|
    */0 * * * * *|5- * * * * *|00:05:00|0 0 0 * * Fri-Mon
    """.split("|"),
)
def test_what_is_no_schedule_is_refused(schedule):
    with pytest.raises(ScheduleError):
        parse(schedule)


def test_schedule_that_never_fires_is_refused():
    with pytest.raises(ScheduleError, match="never"):
        _after("0 0 0 31 2 *", "2026-11-20 00:00:00")


@pytest.mark.parametrize(
    ("schedule", "monitored"),
    [("0 * * * * *", False), ("*/5 * * * * *", False), ("0 */2 * * * *", True)],
)
def test_schedule_that_fires_every_minute_keeps_no_status(schedule, monitored):
    # functions-host 3.2: useMonitor is forced off when all fields but seconds are `*`
    assert parse(schedule).is_monitored is monitored
