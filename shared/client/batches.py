"""Rows into batches: bounded by records and bytes, cut where a resumed delivery leaves a gap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from shared.client.mapping import RecordMapping
from shared.client.rows import PROBLEMS, Refusal, Row, Unmappable

LONGEST_SPAN = 50_000
"""Rows of a batch, with those left out: a journal line is written at least this often."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is sent, and the row it came from."""

    index: int
    at: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows from ``first`` up to but not including ``end``: to send, left out or refused."""

    first: int
    end: int
    records: tuple[Record, ...]
    left_out: tuple[int, ...] = ()
    """The rows that the mapping's filters drop, by index."""
    refused: tuple[Refusal, ...] = ()

    @property
    def body(self) -> bytes:
        return b"\n".join(record.body for record in self.records)

    def halves(self) -> tuple[Batch, Batch]:
        """Return the batch as two that are next to each other."""
        cut = self.records[len(self.records) // 2].index
        return self._part(self.first, cut), self._part(cut, self.end)

    def refusing(self, refused: Sequence[Refusal]) -> Batch:
        """Return the batch with some of its records refused, and so not to be sent again."""
        indexes = {one.index for one in refused}
        kept = tuple(record for record in self.records if record.index not in indexes)
        return replace(self, records=kept, refused=(*self.refused, *refused))

    def _part(self, first: int, end: int) -> Batch:
        return Batch(
            first,
            end,
            tuple(record for record in self.records if first <= record.index < end),
            tuple(index for index in self.left_out if first <= index < end),
            tuple(one for one in self.refused if first <= one.index < end),
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a batch may be."""

    records: int = 500
    bytes: int = 2_000_000


def batches(
    rows: Iterable[Row],
    mapping: RecordMapping,
    bounds: Bounds,
    done: Sequence[tuple[int, int]] = (),
) -> Iterator[Batch]:
    """Return the batches of the rows that are not ``done``, which is sorted ranges of indexes.

    The same rows, bounds and ``done`` give the same batches.
    """
    building = _Building()
    ranges = iter([*done, (1 << 62, 1 << 62)])
    begin, end = next(ranges)
    for row in rows:
        while row.index >= end:
            begin, end = next(ranges)
        if begin <= row.index:
            if building.holds_rows:
                yield building.take()
            continue
        if building.is_full(bounds):
            yield building.take()
        try:
            body = mapping.record(row)
        except Unmappable as error:
            told = PROBLEMS[error.code]
            building.refuse(row, Refusal(row.index, row.at, error.pointer, error.code, told))
            continue
        if body is not None and not building.fits(body, bounds):
            yield building.take()
        building.add(row, body)
    if building.holds_rows:
        yield building.take()


class _Building:
    """The batch that is being filled."""

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._first = self._end = -1
        self._records: list[Record] = []
        self._refused: list[Refusal] = []
        self._left_out: list[int] = []
        self._bytes = 0

    @property
    def holds_rows(self) -> bool:
        return self._first >= 0

    def is_full(self, bounds: Bounds) -> bool:
        rows = self._end - self._first
        return len(self._records) >= bounds.records or rows >= LONGEST_SPAN

    def fits(self, body: bytes, bounds: Bounds) -> bool:
        return not self._records or self._bytes + len(body) < bounds.bytes

    def add(self, row: Row, body: bytes | None) -> None:
        self._reach(row)
        if body is None:
            self._left_out.append(row.index)
            return
        self._records.append(Record(row.index, row.at, body))
        self._bytes += len(body) + 1

    def refuse(self, row: Row, refusal: Refusal) -> None:
        self._reach(row)
        self._refused.append(refusal)

    def _reach(self, row: Row) -> None:
        if self._first < 0:
            self._first = row.index
        self._end = row.index + 1

    def take(self) -> Batch:
        made = Batch(
            self._first,
            self._end,
            tuple(self._records),
            tuple(self._left_out),
            tuple(self._refused),
        )
        self._empty()
        return made
