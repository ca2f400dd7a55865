"""A sealer in a process of its own, for tests that kill it: seals in a loop until it dies."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from shared.adapters.blobs import MemoryBlobs
from shared.bootstrap import Ports, build
from shared.kernel.clock import SteppingClock
from shared.kernel.db import Login
from shared.ledger.sealer import Sealer


def main() -> None:
    """Seal, three entries at a time, from the moment that the line is read."""
    clock = SteppingClock(datetime.fromtimestamp(float(sys.argv[1]), UTC))
    services = build(os.environ, Ports(clock=clock, blobs=MemoryBlobs()))
    sealer = Sealer(
        services.database(Login.SEAL), services.signing_keys, services.seal_copies, entries=3
    )
    with services.database(Login.SEAL).platform(services.timer_call()):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
    while True:
        sealer.seal(services.timer_call())


if __name__ == "__main__":
    main()
