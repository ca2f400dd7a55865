"""How far sealing is behind, stream by stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from shared.kernel.db import Tx
from shared.ledger import store
from shared.ledger.errors import SealBroken
from shared.ledger.streams import STREAMS


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream: what is sealed, and what waits."""

    stream: str
    epoch: int
    seals: int
    entries: int
    sealed_at: str | None
    unsealed: int
    """Rows that no seal covers, counted up to `store.WAITING_COUNTED` in an epoch."""
    lag_seconds: float
    """Age of the oldest row that could be sealed and is not."""
    held_seconds: float
    """Age of the oldest row that a running transaction keeps from being sealed."""
    uncopied: int
    """Seals whose copy is not in Blob storage yet."""
    broken: bool
    """The last seal cannot be read, or a restore began no epoch: nothing is sealed until somebody
    has looked."""


def look(tx: Tx, now: datetime) -> list[StreamStatus]:
    """Return the status of every stream; a fixed number of statements for each."""
    return [_look(tx, stream, now) for stream in STREAMS]


def _look(tx: Tx, stream: str, now: datetime) -> StreamStatus:
    last, broken = None, False
    try:
        last = store.last_read(tx, stream)
    except SealBroken:
        broken = True
    broken = broken or store.epoch_missing(tx, last, store.epochs(tx, stream))
    waiting = store.waiting_behind(tx, stream, last)
    return StreamStatus(
        stream=stream,
        epoch=last.epoch if last else 1,
        seals=last.number if last else 0,
        entries=last.next_offset if last else 0,
        sealed_at=last.sealed_at if last else None,
        unsealed=sum(found.unsealed for found in waiting),
        lag_seconds=_oldest([found.oldest_free for found in waiting], now),
        held_seconds=_oldest([found.oldest_held for found in waiting], now),
        uncopied=len(store.uncopied_numbers(tx, stream)),
        broken=broken,
    )


def _oldest(dates: list[str | None], now: datetime) -> float:
    ages = [_age(text, now) for text in dates if text]
    return round(max(ages, default=0.0), 3)


def _age(text: str, now: datetime) -> float:
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return max(0.0, (now - (made if made.tzinfo else made.replace(tzinfo=UTC))).total_seconds())
