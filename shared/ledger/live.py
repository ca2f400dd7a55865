"""The evidence of one stream as this environment holds it: Postgres, and copies in Blob."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from shared.kernel.call import Call
from shared.kernel.db import Database, Tx
from shared.ledger import store, tree
from shared.ledger.copies import Copies
from shared.ledger.keys import Trust
from shared.ledger.model import START, Seal, Signed, read
from shared.ledger.seals import Copy
from shared.ledger.streams import named
from shared.ledger.verification import PAGE

_AT_ONCE = 8
"""Copies that are fetched at one time."""


class LiveEvidence:
    """Reads as ``ops_audit``, in transactions that stay short however long the stream is."""

    def __init__(
        self, database: Database, copies: Copies | None, trust: Trust, call: Call, stream: str
    ) -> None:
        """Read ``stream``; without ``copies`` nobody asks storage."""
        self._database = database
        self._copies = copies
        self._trust = trust
        self._call = call
        self._stream = stream
        self._pending: frozenset[int] = frozenset()
        self._fetched: dict[tuple[int, int], bytes | None] = {}
        with database.platform(call, read_only=True) as tx:
            self.home = store.home(tx)

    def seals(self, number: int) -> dict[int, Signed]:
        """Return some seals from a number on."""
        with self._database.platform(self._call, read_only=True) as tx:
            found = store.seals_from(tx, self._stream, number, PAGE)
            if not found and (later := store.next_number(tx, self._stream, number)) is not None:
                found = store.seals_from(tx, self._stream, later, PAGE)
            # After the seals, so that it knows the newest of them, and before any copy is asked
            # for: a copy that is on its way now is no missing one.
            self._pending = store.uncopied_numbers(tx, self._stream)
        self._fetch(found)
        return found

    def copy(self, number: int, epoch: int) -> Copy:
        """Return the copy of a seal."""
        if self._copies is None:
            return Copy()
        if (number, epoch) in self._fetched:
            document = self._fetched[number, epoch]
        else:
            document = self._copies.find(self.home, self._stream, number, epoch)
        return Copy(document, asked=True, pending=number in self._pending)

    def copies(self) -> Iterator[tuple[int, int]]:
        """Yield number and epoch of every copy there is."""
        if self._copies is not None:
            yield from self._copies.places(self.home, self._stream)

    def entries(self, seals: Sequence[Seal]) -> Iterator[list[bytes]]:
        """Yield the leaf hashes of each seal's rows, from one pass over all of them."""
        if not seals:
            return
        with self._database.platform(self._call, read_only=True) as tx:
            epoch = self._epoch(tx, seals[0])
            rows = store.entries_between(tx, self._stream, epoch, seals[0].after, seals[-1].through)
            yield from _by_seal(seals, rows)

    def texts(self, seal: Seal) -> Iterator[bytes]:
        """Yield the texts of one seal's rows."""
        with self._database.platform(self._call, read_only=True) as tx:
            epoch = self._epoch(tx, seal)
            for _, _, text in store.entries_between(
                tx, self._stream, epoch, seal.after, seal.through
            ):
                yield text

    def beyond(self, last: Seal | None, following: Seal) -> int:
        """Count the rows before an epoch's first that none of the seals before it covers."""
        if last is None:
            epoch, after = store.Epoch(1, 0, following.above_seq), START
        else:
            epoch = store.Epoch(last.epoch, last.above_seq, following.above_seq)
            after = last.through
        with self._database.platform(self._call, read_only=True) as tx:
            return store.waiting(tx, self._stream, epoch, after).unsealed

    def boundary(self, seal: Seal) -> int:
        """Return the recorded seq above which a seal's epoch begins; -1: it is not recorded."""
        with self._database.platform(self._call, read_only=True) as tx:
            known = {epoch.epoch: epoch.above_seq for epoch in store.epochs(tx, self._stream)}
        return known.get(seal.epoch, -1)

    def unsealed(self, last: Seal | None) -> int:
        """Count the rows that no seal covers yet, up to a bound."""
        with self._database.platform(self._call, read_only=True) as tx:
            waiting = store.waiting_behind(tx, self._stream, last)
        return sum(found.unsealed for found in waiting)

    def altered_columns(self) -> int:
        """Count in how many ways something else may be queried than what is proven."""
        with self._database.platform(self._call, read_only=True) as tx:
            return store.altered_columns(tx, named(self._stream))

    def _fetch(self, page: Mapping[int, Signed]) -> None:
        """Fetch the copies of a page together: storage answers in milliseconds, many at a time."""
        self._fetched = {}
        if self._copies is None:
            return
        find, home, stream = self._copies.find, self.home, self._stream
        seals = {number: read(signed.body) for number, signed in page.items()}
        places = [(number, seal.epoch) for number, seal in seals.items() if seal is not None]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            documents = pool.map(lambda place: find(home, stream, *place), places)
            self._fetched = dict(zip(places, documents, strict=True))

    def _epoch(self, tx: Tx, seal: Seal) -> store.Epoch:
        """Return the stretch of a seal's epoch, by what was signed as far as that is possible.

        It ends where the next epoch with a seal begins, which that seal says. Where an epoch begins
        that has no seal yet the database says.
        """
        for signed in store.first_of_later_epochs(tx, self._stream, seal.epoch):
            later = read(signed.body)
            if later is not None and self._trust.signed(
                later.key_id, signed.signature, signed.body
            ):
                return store.Epoch(seal.epoch, seal.above_seq, later.above_seq)
        known = store.epochs(tx, self._stream)
        ends = [epoch.above_seq for epoch in known if epoch.epoch > seal.epoch]
        return store.Epoch(seal.epoch, seal.above_seq, min(ends, default=None))


def _by_seal(
    seals: Sequence[Seal], rows: Iterator[tuple[int, int, bytes]]
) -> Iterator[list[bytes]]:
    """Divide rows by the stretches of their seals; what lies between two of them is passed over."""
    hashed = tree.leaf
    row = next(rows, None)
    for seal in seals:
        after, through = tuple(seal.after), tuple(seal.through)
        found: list[bytes] = []
        # The first stretch has no lower bound, whatever place a row claims.
        while row is not None and seal.after != START and row[:2] <= after:
            row = next(rows, None)
        while row is not None and row[:2] <= through:
            found.append(hashed(row[2]))
            row = next(rows, None)
        yield found
