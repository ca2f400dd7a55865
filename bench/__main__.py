"""`python -m bench`: runs every benchmark, one after the other."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = ("ingest", "latency", "coldstart", "cost", "ledger", "redaction")


def main() -> int:
    """Run them all; the first that fails ends it."""
    for name in BENCHMARKS:
        status = subprocess.run([sys.executable, "-m", f"bench.{name}", *sys.argv[1:]], check=False)
        if status.returncode:
            return status.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
