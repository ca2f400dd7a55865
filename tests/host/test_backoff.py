"""Polling and retry delays (functions-host 3.1, 3.4)."""

from __future__ import annotations

import random

import pytest

from local.host.backoff import Backoff


class _Steady(random.Random):
    """Jitter that is always one factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor

    def uniform(self, a: float, b: float) -> float:
        assert (a, b) == (0.8, 1.2)
        return self._factor


def _delays(backoff: Backoff, count: int) -> list[float]:
    return [pytest.approx(backoff.failed()) for _ in range(count)]


def test_first_empty_poll_waits_the_minimum_and_later_ones_double():
    # functions-host 3.1: 100 ms, then 100 + 100 * 2^(n-1)
    assert _delays(Backoff(0.1, 60, 0.1, _Steady(1.0)), 5) == [0.1, 0.2, 0.3, 0.5, 0.9]


def test_empty_poll_after_a_message_waits_the_minimum_then_grows():
    # functions-host 3.1: after a found message the delay is 100 ms
    backoff = Backoff(0.1, 60, 0.1, _Steady(1.0))
    _delays(backoff, 6)
    assert backoff.succeeded() == 0.1
    assert _delays(backoff, 3) == [0.2, 0.3, 0.5]


@pytest.mark.parametrize(("factor", "delay"), [(0.8, 0.18), (1.2, 0.22)])
def test_growth_is_spread_by_a_fifth_either_way(factor, delay):
    # functions-host 3.1: U(0.8, 1.2)
    assert _delays(Backoff(0.1, 60, 0.1, _Steady(factor)), 2)[1] == delay


def test_delay_never_passes_the_maximum_however_long_it_goes_on():
    backoff = Backoff(0.1, 1.0, 0.1)
    delays = [backoff.failed() for _ in range(5000)]
    assert max(delays) == 1.0
    assert delays[-1] == 1.0


def test_exponential_retry_starts_at_its_minimum_and_uses_it_as_step():
    # functions-host 3.4: the same class as polling, delta = minimum
    assert _delays(Backoff(2, 60, 2, _Steady(1.0)), 4) == [2, 4, 6, 10]
