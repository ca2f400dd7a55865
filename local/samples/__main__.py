"""`python -m local.samples`: repair orders as NDJSON on standard output."""

from __future__ import annotations

import argparse
import os
import sys

import orjson

from local.samples import orders

_EXAMPLES = """\
examples:
  python -m local.samples --count 100 --seed 7 > orders.ndjson
  python -m local.samples --count 1 | python -m json.tool
  python -m local.samples --tenant south     other people than those of north
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.samples",
        description="Repair orders about invented people, one JSON record per line.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=10, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same bytes (default: 7)")
    parser.add_argument("--tenant", default="sample", help="whose customers (default: %(default)s)")
    asked = parser.parse_args(arguments)
    try:
        for order in orders(asked.count, asked.seed, asked.tenant):
            sys.stdout.buffer.write(orjson.dumps(order) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever reads had enough (`head`). Closing again at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
