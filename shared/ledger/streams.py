"""Which tables are evidence streams; a later one is a line here and one in each statement."""

from __future__ import annotations

from dataclasses import dataclass

from shared.ledger.errors import StreamUnknown


@dataclass(frozen=True, slots=True)
class Stream:
    """An append-only table whose rows are canonical texts."""

    name: str
    table: str
    dated: tuple[str, ...]
    """Members of an entry's text that say when it was made; the first that is there counts."""
    columns: tuple[tuple[str, str], ...]
    """Columns that are generated from the text, each with the member that it shows."""

    @property
    def month_check(self) -> str:
        """Return the condition that a row stands in the month of its text, as Postgres has it."""
        members = [f"((body)::jsonb ->> '{member}'::text)" for member in self.dated]
        dated = members[0] if len(members) == 1 else f"COALESCE({', '.join(members)})"
        return f"(NOT (month IS DISTINCT FROM ops.month_of({dated})))"


def _same(*names: str) -> tuple[tuple[str, str], ...]:
    """Return columns that have the name of their member."""
    return tuple((name, name) for name in names)


STREAMS: dict[str, Stream] = {
    stream.name: stream
    for stream in (
        Stream(
            "admission",
            "ops.admission",
            ("admitted_at_utc", "decided_at_utc"),
            (
                *_same("tenant_id", "receipt_id", "request_id", "event_id", "event_class"),
                *_same("platform_run_id", "decision"),
                ("admitted_at", "admitted_at_utc"),
            ),
        ),
        Stream(
            "fact",
            "ops.fact",
            ("recorded_at",),
            _same("fact_id", "tenant_id", "name", "actor_id", "recorded_at"),
        ),
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
