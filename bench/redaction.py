"""`python -m bench.redaction`: what redaction costs beside one pass over the same text.

Per repair order: compile its known values, check its deterministic fields, redact its texts. The
floor is one RE2 pass over the texts of the order for a word that is too long. Each step is timed
order by order, the best of some rounds, so that a busy machine says nearly the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from local.samples import CONTRACT, orders
from shared.ingest.admission import Compiled
from shared.ingest.contracts import named
from shared.pii.redaction import (
    KeyedPlaceholders,
    KnownMatcher,
    PatternRedactor,
    deterministic_leaks,
)
from shared.pii.redaction.linear import Linear

_ROUNDS = 5
_MICRO = 1e6


@dataclass(frozen=True)
class Result:
    """Microseconds per order."""

    compile_us: float
    leaks_us: float
    redact_us: float
    floor_us: float

    @property
    def total_us(self) -> float:
        return self.compile_us + self.leaks_us + self.redact_us


def run(count: int) -> Result:
    """Measure each step on its own, order by order."""
    compiled = Compiled(named(CONTRACT))
    redactor = PatternRedactor(KeyedPlaceholders(b"a key that is for the benchmark."))
    absent = Linear("[a-z]{40}")
    compiling, leaks, redacting, floor = 0.0, 0.0, 0.0, 0.0
    for order in orders(count, 7, "bench"):
        record, problems = compiled.check(order)
        if record is None:
            raise ValueError(problems)
        parts = compiled.split(record)
        known = compiled.known_values(parts.personal)
        matcher = KnownMatcher(known)
        fields = compiled.free_texts(parts.deterministic)
        page = "\n".join(parts.semantic.values()).encode()
        compiling += _best(partial(KnownMatcher, known))
        leaks += _best(partial(deterministic_leaks, fields, matcher))
        redacting += _best(partial(redactor.redact, parts.semantic, matcher))
        floor += _best(partial(absent.search, page))
    return Result(*(spent / count * _MICRO for spent in (compiling, leaks, redacting, floor)))


def _best(step: Callable[[], object]) -> float:
    return min(_timed(step) for _ in range(_ROUNDS))


def _timed(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def main() -> int:
    """Print a table, or one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.redaction", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="repair orders (default 1000)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    result = run(options.count)
    print(f"compile {result.compile_us:7.1f} µs an order")
    print(f"leaks   {result.leaks_us:7.1f} µs")
    print(f"redact  {result.redact_us:7.1f} µs")
    print(f"floor   {result.floor_us:7.1f} µs (one RE2 pass over the texts)")
    print(f"ratio   {result.total_us / result.floor_us:7.1f}")
    if options.json:
        print(
            json.dumps(
                {
                    "redaction_us": round(result.total_us),
                    "floor_us": round(result.floor_us, 2),
                    "ratio": round(result.total_us / result.floor_us, 1),
                }
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
