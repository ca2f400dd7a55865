"""What a verification says: differences, located; what it did not cover; where the next begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.ledger.compare import Kind
from shared.ledger.errors import CheckpointUnreadable

CHECKPOINT = "ops.checkpoint.v1"
LISTED = 10_000
"""Differences that are listed one by one; more are counted."""
_PARTS = 3
_NUMBER = re.compile(r"[0-9]{1,18}")
"""Bounded: Python refuses to read numbers of thousands of digits."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference and where it is."""

    stream: str
    kind: Kind
    number: int
    """The number of the seal; 0: the table of the stream itself."""
    offset: int | None = None
    """The offset of the entry in its stream, as it was sealed."""
    through: int | None = None
    """The last number, where several seals are missing one after the other."""


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Something that the verification could not look at, and how much of it."""

    stream: str
    what: str
    count: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A seal that an auditor saw: nothing up to it can be taken away unnoticed."""

    stream: str
    number: int
    digest: str

    def __str__(self) -> str:
        """Return the spelling that the command line takes."""
        return f"{self.stream}:{self.number}:{self.digest}"


@dataclass(slots=True)
class Report:
    """The outcome for one stream."""

    stream: str
    seals: int = 0
    entries: int = 0
    differences: list[Difference] = field(default_factory=list)
    found: int = 0
    """How many differences there are, listed or not."""
    uncovered: dict[str, int] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    carried: list[Checkpoint] = field(default_factory=list)
    """Checkpoints of streams that were not asked for: not looked at, and not to be lost."""

    @property
    def ok(self) -> bool:
        """Tell whether nothing differs."""
        return self.found == 0

    def differs(
        self, kind: Kind, number: int, offset: int | None = None, *, through: int | None = None
    ) -> None:
        """Note a difference."""
        self.found += 1
        if len(self.differences) < LISTED:
            self.differences.append(Difference(self.stream, kind, number, offset, through))

    def did_not_cover(self, what: str, count: int = 1) -> None:
        """Note something that was not looked at."""
        if count:
            self.uncovered[what] = self.uncovered.get(what, 0) + count


def carry_on(reports: list[Report], starts: Mapping[str, Checkpoint]) -> None:
    """Tell of checkpoints that nothing was held against: they must not look as if they held."""
    for stream in sorted(starts.keys() - {report.stream for report in reports}):
        reports[0].did_not_cover(f"a checkpoint of {stream}")
        reports[0].carried.append(starts[stream])


def checkpoint_document(reports: list[Report]) -> dict[str, Any]:
    """Return what an auditor keeps for the next verification: where what verified ends."""
    return {
        "document": CHECKPOINT,
        "streams": {
            kept.stream: {"number": kept.number, "digest": kept.digest}
            for report in reports
            for kept in [*report.carried, report.checkpoint if report.ok else None]
            if kept is not None
        },
    }


def checkpoint_of_text(text: str) -> dict[str, Checkpoint]:
    """Read ``STREAM:NUMBER:DIGEST``. Raises `CheckpointUnreadable`."""
    parts = text.split(":")
    if len(parts) != _PARTS or not _NUMBER.fullmatch(parts[1]):
        raise CheckpointUnreadable
    return {parts[0]: _checked(Checkpoint(parts[0], int(parts[1]), parts[2]))}


def checkpoints_of_file(document: bytes) -> dict[str, Checkpoint]:
    """Read a document that an earlier verification wrote. Raises `CheckpointUnreadable`."""
    try:
        members = orjson.loads(document)
        if members["document"] != CHECKPOINT:
            raise CheckpointUnreadable
        return {
            stream: _checked(Checkpoint(stream, seen["number"], str(seen["digest"])))
            for stream, seen in members["streams"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointUnreadable from None


def _checked(found: Checkpoint) -> Checkpoint:
    digest = found.digest
    if (
        type(found.number) is not int
        or found.number < 1
        or len(digest) != 64  # noqa: PLR2004
        or set(digest) - set("0123456789abcdef")
    ):
        raise CheckpointUnreadable
    return found
