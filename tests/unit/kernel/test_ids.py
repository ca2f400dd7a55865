"""Ids: unique, sorted by time, and silent about what they name. Clocks: one spelling of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kernel.clock import SteppingClock, SystemClock, instant
from shared.kernel.ids import PATTERN, RandomIds, SequentialIds


def moments(first: int, last: int) -> st.SearchStrategy[datetime]:
    """Moments in UTC of some years."""
    begin = datetime(first, 1, 1, tzinfo=UTC)
    span = int((datetime(last, 1, 1, tzinfo=UTC) - begin).total_seconds())
    return st.builds(
        lambda seconds, micros: begin + timedelta(seconds=seconds, microseconds=micros),
        st.integers(0, span),
        st.integers(0, 999_999),
    )


MOMENTS = moments(1971, 9999)


@settings(deadline=None)
@given(MOMENTS, MOMENTS, st.sampled_from(["tnt", "req", "fact"]))
def test_later_ids_sort_later(one: datetime, other: datetime, prefix: str) -> None:
    first, second = sorted((one, other))
    ids = RandomIds()
    a, b = ids.mint(prefix, first), ids.mint(prefix, second)
    assert PATTERN.fullmatch(a)
    if second - first >= timedelta(milliseconds=2):
        assert a < b


def test_ids_of_one_millisecond_differ() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for source in (RandomIds(), SequentialIds()):
        assert len({source.mint("req", now) for _ in range(5_000)}) == 5_000


def test_sequential_ids_are_the_same_every_time() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    one, other = SequentialIds(), SequentialIds()
    mine = [one.mint("req", now) for _ in range(10)]
    assert mine == [other.mint("req", now) for _ in range(10)] == sorted(mine)


@settings(deadline=None)
@given(
    moments(2, 9998),
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_has_one_spelling_of_fixed_width_in_utc(moment: datetime, minutes: int) -> None:
    """Text order is time order."""
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    text = instant(elsewhere)
    assert text == instant(moment)
    assert len(text) == 27
    assert text[10] == "T"
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == moment
    assert instant(moment + timedelta(microseconds=1)) > text


def test_clocks_are_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
    clock = SteppingClock(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    clock.advance(minutes=1)
    assert clock.now() == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
