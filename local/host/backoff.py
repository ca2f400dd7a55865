"""RandomizedExponentialBackoff of the WebJobs SDK: queue polling and retry delays."""

from __future__ import annotations

import random

_SPREAD = 0.2


class Backoff:
    """Delays in seconds that double, with 20 % of jitter, from `minimum` up to `maximum`."""

    def __init__(
        self, minimum: float, maximum: float, step: float, source: random.Random | None = None
    ) -> None:
        self._minimum = minimum
        self._maximum = maximum
        self._step = step
        self._exponent = 0
        self._delay = 0.0
        self._random = source or random.Random()  # noqa: S311 -- jitter, not a secret

    def succeeded(self) -> float:
        # One, not zero: the first empty poll after a message already waits longer.
        self._exponent = 1
        self._delay = self._minimum
        return self._delay

    def failed(self) -> float:
        if self._delay >= self._maximum:
            return self._maximum
        delay = self._minimum
        if self._exponent:
            spread = self._random.uniform(1 - _SPREAD, 1 + _SPREAD)
            delay += self._step * 2 ** (self._exponent - 1) * spread
        self._exponent += 1
        self._delay = min(delay, self._maximum)
        return self._delay
