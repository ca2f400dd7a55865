"""What a timer does at start and after a run (functions-host 3.2)."""

from __future__ import annotations

from datetime import datetime

from local.host.ncrontab import parse
from local.host.schedule_status import NEVER, Status, after_run, at_start

_HOURLY = parse("0 0 * * * *")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-20 {text}")


def test_first_start_records_the_next_run_and_runs_nothing():
    verdict = at_start(None, _HOURLY, _at("10:30:00"))
    assert verdict.status == Status(NEVER, _at("11:00:00"), _at("10:30:00"))
    assert (verdict.store, verdict.past_due) == (True, False)


def test_missed_run_is_made_up_for_once():
    stored = Status(_at("10:00:00"), _at("11:00:00"), _at("10:00:00"))
    verdict = at_start(stored, _HOURLY, _at("14:30:00"))
    assert (verdict.status, verdict.past_due) == (stored, True)
    # The three runs missed since are not replayed.
    after = after_run(stored, _HOURLY, _at("14:30:00"), scheduled=False)
    assert after.next == _at("15:00:00")


def test_restart_before_the_next_run_is_not_past_due():
    stored = Status(_at("10:00:00"), _at("11:00:00"), _at("10:00:00"))
    assert not at_start(stored, _HOURLY, _at("10:59:59")).past_due


def test_changed_schedule_is_recomputed_and_never_past_due():
    stored = Status(_at("10:00:00"), _at("10:10:00"), _at("10:00:00"))
    verdict = at_start(stored, _HOURLY, _at("14:30:00"))
    assert verdict.status == Status(NEVER, _at("15:00:00"), _at("14:30:00"))
    assert (verdict.store, verdict.past_due) == (True, False)


def test_never_run_timer_is_judged_by_when_its_status_was_written():
    stored = Status(NEVER, _at("11:00:00"), _at("10:30:00"))
    assert at_start(stored, _HOURLY, _at("11:00:01")).past_due


def test_run_that_fired_early_counts_as_its_scheduled_time():
    # functions-host 3.2: otherwise clock skew would run it twice
    status = Status(_at("10:00:00"), _at("11:00:00"), _at("10:00:00"))
    after = after_run(status, _HOURLY, _at("10:59:59"), scheduled=True)
    assert (after.last, after.next) == (_at("11:00:00"), _at("12:00:00"))


def test_status_survives_its_document():
    # functions-host 3.2: JSON {Last, Next, LastUpdated}, Last = 0001-01-01 until the first run
    status = Status(NEVER, _at("11:00:00"), _at("10:30:00"))
    document = status.to_document()
    assert document["Last"] == "0001-01-01T00:00:00+00:00"
    assert Status.from_document(document) == status
