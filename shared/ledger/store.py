"""Entries and seals in Postgres: the statements of this room as functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from shared.kernel.clock import instant
from shared.kernel.db import Tx
from shared.kernel.errors import EnvironmentDiffers
from shared.kernel.sql import Queries
from shared.ledger.errors import SealBroken
from shared.ledger.model import START, Home, Position, Seal, Signed, read
from shared.ledger.streams import Stream

_sql = Queries("shared.ledger")

_SEALS = 2000
"""Most seals that one page looks at."""
_CANDIDATES = 20
WAITING_COUNTED = 10_000
"""Unsealed rows are counted up to this number."""


class Epoch(NamedTuple):
    """A stretch of a stream within which transaction ids can be compared."""

    epoch: int
    above_seq: int
    up_to_seq: int | None
    """``None``: the epoch is open."""

    @property
    def closed(self) -> bool:
        """Tell whether a later epoch began, so that no row can be added."""
        return self.up_to_seq is not None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows that no seal covers."""

    unsealed: int
    oldest_free: str | None
    oldest_held: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a stream that can be sealed next."""

    position: Position
    month: int
    text: bytes


def seal_alone(tx: Tx, *, wait: bool = False) -> bool:
    """Take the sealers' lock until the transaction ends; ``False``: somebody else has it."""
    if wait:
        tx.run(_sql.seal_alone)
        return True
    return bool(tx.value(_sql.try_to_seal_alone))


def home(tx: Tx) -> Home:
    """Return what the database says of itself. Raises `EnvironmentDiffers`: nothing."""
    for environment, workspace, initialised_at in tx.rows(_sql.place):
        return Home(environment, workspace, instant(initialised_at))
    raise EnvironmentDiffers


def begin_epoch(tx: Tx, now: datetime) -> int:
    """Begin a new epoch and return its number; writers wait until the transaction ends."""
    return int(tx.value(_sql.begin_epoch, {"now": now}))


def epoch_missing(tx: Tx, last: Seal | None, known: list[Epoch]) -> bool:
    """Tell whether this cluster counts transactions below what the open epoch has sealed.

    Its new rows would stand before the last seal, where no later one reaches them.
    """
    if last is None or last.epoch != known[-1].epoch:
        return False
    return int(tx.value(_sql.next_xid)) <= last.through_xid


def highest_seq(tx: Tx, stream: str) -> int:
    """Return the highest seq of a stream, 0 when it is empty."""
    return int(tx.value(_sql.highest_seq, {"stream": stream}) or 0)


def epochs(tx: Tx, stream: str) -> list[Epoch]:
    """Return the epochs of a stream in order; the last one is open."""
    later = [(int(epoch), int(above)) for epoch, above in tx.rows(_sql.epochs, {"stream": stream})]
    begins = [(1, 0), *later]
    ends = [*(above for _, above in later), None]
    return [Epoch(epoch, above, end) for (epoch, above), end in zip(begins, ends, strict=True)]


def entries_to_seal(
    tx: Tx, stream: str, epoch: Epoch, after: Position, most: int
) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield (xid, seq, month, text) of the next rows that can be sealed."""
    tx.run(_sql.read_in_order)
    yield from tx.stream(
        _sql.entries_to_seal,
        {**_stretch(stream, epoch, after), "closed": epoch.closed, "most": most},
    )


def entries_between(
    tx: Tx, stream: str, epoch: Epoch, after: Position, through: Position
) -> Iterator[tuple[int, int, bytes]]:
    """Yield (xid, seq, text) of every row in a stretch of an epoch."""
    tx.run(_sql.read_in_order)
    yield from tx.stream(
        _sql.entries_between,
        {
            **_stretch(stream, epoch, after),
            "through_xid": str(through.xid),
            "through_seq": through.seq,
        },
    )


def waiting(tx: Tx, stream: str, epoch: Epoch, after: Position) -> Waiting:
    """Return what no seal of an epoch covers."""
    tx.run(_sql.read_in_order)
    found = tx.one(
        Waiting,
        _sql.entries_waiting,
        {**_stretch(stream, epoch, after), "closed": epoch.closed, "most": WAITING_COUNTED},
    )
    return found or Waiting(0, None, None)


def altered_columns(tx: Tx, stream: Stream) -> int:
    """Count in how many ways a stream shows something else than its texts."""
    return int(
        tx.value(
            _sql.altered_columns,
            {
                "table": stream.table,
                "columns": [column for column, _ in stream.columns],
                "members": [member for _, member in stream.columns],
                "constraint": f"{stream.name}_month_is_of_body",
                "condition": stream.month_check,
            },
        )
    )


def waiting_behind(tx: Tx, stream: str, last: Seal | None) -> list[Waiting]:
    """Return what waits behind the last seal: in its epoch, and in the latest one.

    Between two restores there may be others, of which the sealer takes one after the other.
    """
    known = [epoch for epoch in epochs(tx, stream) if last is None or epoch.epoch >= last.epoch]
    return [
        waiting(tx, stream, epoch, last.through if last and epoch.epoch == last.epoch else START)
        for epoch in dict.fromkeys([known[0], known[-1]])
    ]


def last_seal(tx: Tx, stream: str) -> Signed | None:
    """Return the last seal as it is kept."""
    return _one(tx.rows(_sql.last_seal, {"stream": stream}))


def last_read(tx: Tx, stream: str) -> Seal | None:
    """Return what the last seal says, unverified. Raises `SealBroken`."""
    body = tx.value(_sql.last_body, {"stream": stream})
    if body is None:
        return None
    found = read(body.encode())
    if found is None:
        raise SealBroken
    return found


def seal_of_number(tx: Tx, stream: str, number: int) -> Signed | None:
    """Return one seal as it is kept."""
    return _one(tx.rows(_sql.seal_of_number, {"stream": stream, "number": number}))


def seals_from(tx: Tx, stream: str, number: int, entries: int) -> dict[int, Signed]:
    """Return some seals from a number on, at least one if there is any close by."""
    rows = tx.rows(
        _sql.seals_from,
        {"stream": stream, "number": number, "most": _SEALS, "entries": entries},
    )
    return {int(n): Signed(body.encode(), signature, leaves) for n, body, signature, leaves in rows}


def next_number(tx: Tx, stream: str, number: int) -> int | None:
    """Return the number of the first seal from a number on."""
    found = tx.value(_sql.next_number, {"stream": stream, "number": number})
    return None if found is None else int(found)


def seal_of_position(tx: Tx, stream: str, epoch: int, position: Position) -> Signed | None:
    """Return the seal that covers a row; ``None``: it is not sealed yet."""
    return _one(
        tx.rows(
            _sql.seal_of_position,
            {"stream": stream, "epoch": epoch, "xid": position.xid, "seq": position.seq},
        )
    )


def first_of_later_epochs(tx: Tx, stream: str, epoch: int) -> list[Signed]:
    """Return the first seals after an epoch, without their leaves."""
    rows = tx.rows(
        _sql.first_of_later_epochs, {"stream": stream, "epoch": epoch, "most": _CANDIDATES}
    )
    return [Signed(body.encode(), signature, b"") for body, signature in rows]


def append(tx: Tx, seal: Seal, signed: Signed, now: datetime) -> None:
    """Write a seal and announce its copy."""
    tx.run(
        _sql.insert_seal,
        {
            "body": signed.body.decode(),
            "signature": signed.signature,
            "leaves": signed.leaves,
        },
    )
    tx.run(_sql.insert_intent, {"stream": seal.stream, "number": seal.number, "now": now})


def uncopied(tx: Tx, behind: tuple[str, int], most: int) -> list[tuple[str, int, Signed]]:
    """Return seals whose copy is not written, behind one of them."""
    rows = tx.rows(_sql.uncopied_seals, {"stream": behind[0], "number": behind[1], "most": most})
    return [
        (stream, number, Signed(body.encode(), signature, leaves))
        for stream, number, body, signature, leaves in rows
    ]


def uncopied_numbers(tx: Tx, stream: str) -> frozenset[int]:
    """Return the numbers of a stream's seals whose copy is not written."""
    return frozenset(tx.values(_sql.uncopied_numbers, {"stream": stream}))


def forget_intent(tx: Tx, stream: str, number: int) -> None:
    """Note that a seal's copy is written."""
    tx.run(_sql.forget_intent, {"stream": stream, "number": number})


def entry_of_receipt(tx: Tx, tenant_id: str, receipt_id: str) -> tuple[Position, bytes] | None:
    """Return where a receipt stands, and its text."""
    rows = tx.rows(_sql.entry_of_receipt, {"tenant_id": tenant_id, "receipt_id": receipt_id})
    return next(((Position(xid, seq), body.encode()) for xid, seq, body in rows), None)


def resume(seal: Seal | None, known: list[Epoch]) -> tuple[Epoch, Position]:
    """Return the epoch and the position behind which sealing goes on."""
    if seal is None:
        return known[0], START
    current = next((epoch for epoch in known if epoch.epoch == seal.epoch), None)
    if current is None or current.above_seq != seal.above_seq:
        raise SealBroken
    return current, seal.through


def _stretch(stream: str, epoch: Epoch, after: Position) -> dict[str, object]:
    """Return the parameters of a stretch; what has no bound has none, whatever a row claims."""
    first = after == START
    return {
        "stream": stream,
        "above_seq": epoch.above_seq if epoch.epoch > 1 else None,
        "up_to_seq": epoch.up_to_seq,
        "after_xid": None if first else str(after.xid),
        "after_seq": None if first else after.seq,
    }


def _one(rows: object) -> Signed | None:
    for body, signature, leaves in rows:  # type: ignore[attr-defined]
        return Signed(body.encode(), bytes(signature), bytes(leaves))
    return None
