"""Which tables are evidence streams; a later one is a line here and one in each statement."""

from __future__ import annotations

from dataclasses import dataclass

from shared.ledger.errors import StreamUnknown


@dataclass(frozen=True, slots=True)
class Stream:
    """An append-only table whose rows are canonical texts."""

    name: str
    table: str
    dated: str
    """The member of an entry's text that says when it was made."""


STREAMS: dict[str, Stream] = {
    stream.name: stream
    for stream in (
        Stream("admission", "ops.admission", "admitted_at_utc"),
        Stream("fact", "ops.fact", "recorded_at"),
    )
}


def named(name: str) -> Stream:
    """Return a stream by its name. Raises `StreamUnknown`."""
    if name not in STREAMS:
        raise StreamUnknown
    return STREAMS[name]


def wanted(name: str | None) -> list[Stream]:
    """Return the one that is named, or every stream. Raises `StreamUnknown`."""
    return list(STREAMS.values()) if name is None else [named(name)]
