"""A new epoch of every stream: after a restore, transaction ids are counted anew.

The lock is held for a moment only. What was written before it is the tail of the epoch that is
over: nothing can be added to it, so the sealer seals it, in as many seals as it takes and without
asking which transactions run, before it begins with the new epoch.
"""

from __future__ import annotations

from shared.governance.facts import record
from shared.kernel import log
from shared.kernel.call import Call, demand
from shared.kernel.db import Database
from shared.ledger import store
from shared.ledger.errors import EpochRefused
from shared.ledger.streams import STREAMS
from shared.ledger.vocabulary import EPOCH_BEGUN, Permission


class Epochs:
    """Begins epochs."""

    def __init__(self, database: Database) -> None:
        """Work as ``ops_seal``."""
        self._database = database

    def begin(self, call: Call) -> int:
        """Begin a new epoch and return its number; part of every restore.

        Call it before anything writes. Raises `EpochRefused` when a sequence is behind its rows,
        and `Unavailable` when writers do not make room in time.
        """
        demand(call, Permission.EPOCH_BEGIN)
        with self._database.platform(call) as tx:
            store.seal_alone(tx, wait=True)
            epoch = store.begin_epoch(tx, call.now)
            for stream in STREAMS:
                boundary = store.epochs(tx, stream)[-1].above_seq
                if store.highest_seq(tx, stream) > boundary:
                    raise EpochRefused
            record(tx, call, EPOCH_BEGUN, str(epoch), epoch=epoch)
        log.event("ledger.epoch.begun", number=epoch)
        return epoch
