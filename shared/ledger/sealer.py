"""Seals what cannot change any more: the work of a timer, for every stream.

A transaction a seal: (1) alone, by lock; (2) read the last seal, and go on behind it; (3) take rows
below the horizon, in order; (4) hash, sign, append the seal and the intent to copy it; (5) after
the commit, copy it to Blob. Cut off at any point, nothing is half: either the seal committed or
the next tick makes it, and an intent stays until its copy is written.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from shared.governance.facts import record
from shared.kernel import log
from shared.kernel.call import Call, demand
from shared.kernel.db import Database, Tx
from shared.kernel.errors import EnvironmentDiffers, Held, Unavailable
from shared.kernel.ports import SigningKeys
from shared.ledger import store, tree
from shared.ledger.copies import Copies
from shared.ledger.errors import EpochMissing, HomeDiffers, SealBroken
from shared.ledger.keys import Trust
from shared.ledger.model import START, Position, Seal, Signed, Stretch, read, seal_next
from shared.ledger.streams import STREAMS
from shared.ledger.vocabulary import KEY_CHANGED, Permission

ENTRIES = 16_384
"""Most entries of one seal: half a megabyte of leaves, and well below a transaction's life."""
SECONDS = 8.0
"""How long one tick works; the next one comes soon after."""
_COPIES = 50


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one run did."""

    seals: int
    entries: int
    copies: int
    busy: bool = False
    """Whether somebody else was sealing."""


class Sealer:
    """Seals streams and copies the seals."""

    def __init__(
        self,
        database: Database,
        keys: SigningKeys,
        copies: Copies,
        *,
        entries: int = ENTRIES,
        seconds: float = SECONDS,
    ) -> None:
        """Read and append as ``ops_seal``; at most ``entries`` a seal, ``seconds`` a run."""
        self._database = database
        self._keys = keys
        self._copies = copies
        self._entries = entries
        self._seconds = seconds

    def seal(self, call: Call) -> Sealed:
        """Seal what can be sealed in every stream, and copy what is not copied yet.

        A stream that cannot be sealed keeps no other one waiting. Raises the first trouble at the
        end, so that the tick is seen to have failed.
        """
        demand(call, Permission.SEAL_CREATE)
        stop = time.monotonic() + self._seconds
        seals = entries = 0
        busy = False
        trouble: Exception | None = None
        for stream in STREAMS:
            try:
                while time.monotonic() < stop:
                    step = self._one(call, stream)
                    if isinstance(step, bool):
                        busy = busy or step
                        break
                    seals += 1
                    entries += step
            except (Unavailable, Held, SealBroken) as error:
                log.trouble("ledger.seal.failed", error, stream=stream)
                trouble = trouble or error
        copies = self.copy(call)
        if seals:
            log.event("ledger.sealed", count=seals, records=entries)
        if trouble is not None:
            raise trouble
        return Sealed(seals, entries, copies, busy)

    def copy(self, call: Call) -> int:
        """Write copies that are missing and return how many; storage may be away, or slow."""
        demand(call, Permission.SEAL_CREATE)
        written, behind = 0, ("", 0)
        # Bounded like sealing, which must not wait until all of a long outage is made up for.
        stop = time.monotonic() + self._seconds
        try:
            while True:
                with self._database.platform(call, read_only=True) as tx:
                    page = store.uncopied(tx, behind, _COPIES)
                for stream, number, signed in page:
                    if time.monotonic() > stop:
                        return written
                    behind = (stream, number)
                    written += self._copy(call, stream, number, signed)
                if len(page) < _COPIES:
                    return written
        except Unavailable as error:
            # The seal stands; the intent stays until a later tick finds storage again.
            log.trouble("ledger.copy.lagging", error, count=written)
            return written

    def _copy(self, call: Call, stream: str, number: int, signed: Signed) -> bool:
        seal = read(signed.body)
        if seal is None:
            log.trouble("ledger.copy.unreadable", stream=stream, number=number)
            return False
        if not self._copies.write(seal, signed):
            # Somebody took seals away and this one got their number: a verification tells which.
            log.trouble("ledger.copy.differs", stream=stream, number=number)
        with self._database.platform(call) as tx:
            store.forget_intent(tx, stream, number)
        return True

    def _one(self, call: Call, stream: str) -> int | bool:
        """Make one seal and return its entries; ``False``: nothing to do, ``True``: busy."""
        with self._database.platform(call) as tx:
            # (1)
            if not store.seal_alone(tx):
                return True
            # (2)
            last = self._last(tx, stream)
            epochs = store.epochs(tx, stream)
            epoch, after = store.resume(last[0] if last else None, epochs)
            if store.epoch_missing(tx, last[0] if last else None, epochs):
                raise EpochMissing
            found = self._next(tx, stream, epoch, after)
            while not found.leaves and epoch.closed:
                # The epoch is over and all of it is sealed: go on in the next one.
                epoch, after = epochs[epochs.index(epoch) + 1], START
                found = self._next(tx, stream, epoch, after)
            if not found.leaves:
                return False
            # (4)
            self._append(tx, call, last, found)
        return len(found.leaves)

    def _last(self, tx: Tx, stream: str) -> tuple[Seal, str] | None:
        """Return the last seal and its digest, if it is ours: a chain is never built on a forgery.

        Raises `SealBroken`.
        """
        signed = store.last_seal(tx, stream)
        if signed is None:
            return None
        seal = read(signed.body)
        trust = Trust(self._keys.public_keys())
        if (
            seal is None
            or seal.stream != stream
            or not trust.signed(seal.key_id, signed.signature, signed.body)
        ):
            raise SealBroken
        return seal, signed.digest

    def _next(self, tx: Tx, stream: str, epoch: store.Epoch, after: Position) -> Stretch:
        """Hash the next rows (3) without holding their texts."""
        leaves: list[bytes] = []
        months: Counter[str] = Counter()
        through = after
        hashed = tree.leaf
        for xid, seq, month, text in store.entries_to_seal(tx, stream, epoch, after, self._entries):
            leaves.append(hashed(text))
            months[str(month)] += 1
            through = Position(xid, seq)
        return Stretch(stream, epoch.epoch, epoch.above_seq, after, through, leaves, months)

    def _append(self, tx: Tx, call: Call, last: tuple[Seal, str] | None, stretch: Stretch) -> None:
        home = store.home(tx)
        if home.environment != call.environment:
            raise EnvironmentDiffers
        if self._keys.pin_home(home.folder) != home.folder:
            # Else whoever owns the database could begin a new chain under another name.
            raise HomeDiffers
        key_id = self._keys.current()
        seal = seal_next(last, stretch, home, (call.service_release_id, key_id), call.now)
        body = seal.body()
        signed = Signed(body, self._keys.sign(key_id, body), b"".join(stretch.leaves))
        store.append(tx, seal, signed, call.now)
        if last is not None and last[0].key_id != key_id:
            record(
                tx,
                call,
                KEY_CHANGED,
                f"{seal.stream}:{seal.number}",
                stream=seal.stream,
                number=seal.number,
                key=key_id,
            )
