"""The journal of one delivery: what of a file is in, so that an interrupted one goes on.

Append-only NDJSON, flushed to disk line by line: a header (what is sent where, by digests), then a
line per batch that was answered (its range of rows, counts, request id), and a last line when the
file is through. It never holds a part of a record. Receipts are written and flushed before the line
that counts them, and cut back to it when a delivery goes on, so the two files never disagree.

A line that was cut off by a crash is dropped; its batch is sent again with the same key and gets
the same answer. Two processes on one journal are kept apart by a lock file.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import orjson

from shared.client.errors import JournalBroken, JournalBusy, JournalDiffers, JournalUnwritable
from shared.client.requests import Outcome
from shared.client.rows import Refusal
from shared.client.tally import REFUSED, Tally, tally_of
from shared.kernel.canonical import digest

VERSION = 1
_MODE = 0o600
_RECEIPT = b'{"index":'
"""How every line of a receipts file begins."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a delivery is about; it goes on only where all of this is the same."""

    source: str
    contract: str
    mapping: str
    tenant: str
    gate: str
    handling: str
    run: str = ""

    def differs_from(self, other: Mapping[str, object]) -> list[str]:
        """Return the names of what is not the same."""
        return [name for name, value in asdict(self).items() if other.get(name) != value]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of one delivery lie."""

    journal: Path
    receipts: Path
    lock: Path

    @classmethod
    def of(cls, source: str, state: str, receipts: str | None) -> Self:
        """Return the places for a source: named after its path, which stays out of the files."""
        path = Path(source).resolve()
        name = f"{path.name[:80]}.{digest('ops.client.path.v1', bytes(path)).hex()[:12]}"
        folder = Path(state)
        return cls(
            folder / f"{name}.journal",
            Path(receipts) if receipts else folder / f"{name}.receipts.ndjson",
            folder / f"{name}.lock",
        )


@dataclass(slots=True)
class Past:
    """What a journal knows of earlier runs."""

    delivery_id: str
    tally: Tally = field(default_factory=Tally)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    receipts_end: int = 0
    complete: bool = False


class Journal:
    """An open journal and its receipts file; one per source file at a time."""

    def __init__(self, journal: IO[bytes], receipts: IO[bytes], past: Past) -> None:
        """Be the journal of open files; `keep` opens one."""
        self._journal = journal
        self._receipts = receipts
        self._end = past.receipts_end
        self.past = past

    def settle(self, outcome: Outcome) -> Tally:
        """Write one outcome down: its receipts, then its line. Raises `JournalUnwritable`."""
        counted = tally_of(outcome)
        try:
            self._end += self._receipts.write(b"".join(_receipt_lines(outcome)))
            _flush(self._receipts)
            batch = outcome.batch
            _write(
                self._journal,
                {
                    "first": batch.first,
                    "end": batch.end,
                    **asdict(counted),
                    "request_id": outcome.request_id,
                    "receipts_end": self._end,
                },
            )
        except OSError as error:
            raise JournalUnwritable(_told(error)) from error
        return counted

    def finish(self, rows: int) -> None:
        """Write down that the file is through."""
        try:
            _write(self._journal, {"complete": True, "rows": rows})
        except OSError as error:
            raise JournalUnwritable(_told(error)) from error


@contextmanager
def keep(places: Places, header: Header, delivery_id: str, *, restart: bool) -> Iterator[Journal]:
    """Open the journal of a delivery, going on where an earlier run of it ended.

    A finished delivery is begun anew when what it was about has changed, or with ``restart``.
    Raises `JournalDiffers`, `JournalBusy`, `JournalBroken`, `JournalUnwritable`.
    """
    try:
        places.lock.parent.mkdir(parents=True, exist_ok=True)
        lock = _open(places.lock, "ab")
    except OSError as error:
        raise JournalUnwritable(_told(error)) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalBusy from None
        past = None if restart else _past(places.journal, header)
        try:
            if past is None:
                past = Past(delivery_id)
                _begin(places.journal, header, delivery_id)
            receipts = _receipts(places.receipts, past)
            journal = _open(places.journal, "ab")
        except OSError as error:
            raise JournalUnwritable(_told(error)) from error
        with journal, receipts:
            yield Journal(journal, receipts, past)


def _receipts(path: Path, past: Past) -> IO[bytes]:
    """Open the receipts where the journal left them. Raises `JournalDiffers`."""
    file = _open(path, "ab+")
    file.seek(0)
    head = file.read(len(_RECEIPT))
    size = file.seek(0, os.SEEK_END)
    # A file that somebody named by mistake is not cut away.
    if (head and head != _RECEIPT) or size < past.receipts_end:
        file.close()
        raise JournalDiffers("The receipts file is not the one of this delivery")
    file.truncate(past.receipts_end)
    return file


def _past(path: Path, header: Header) -> Past | None:
    """Read a journal; ``None`` when there is none, or a finished one of something else."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalUnwritable(_told(error)) from error
    whole = raw[: raw.rfind(b"\n") + 1]
    if not whole:
        return None
    first, *lines = whole.splitlines()
    head = _line(first)
    if head.get("journal") != VERSION or not isinstance(head.get("delivery_id"), str):
        raise JournalBroken
    past = Past(head["delivery_id"])
    for line in map(_line, lines):
        _remember(past, line)
    past.ranges.sort()
    if differing := header.differs_from(head):
        if past.complete:
            return None
        raise JournalDiffers(
            f"{JournalDiffers.title}: {', '.join(differing)} changed. --restart begins again, "
            "and what is in already comes back as a duplicate"
        )
    if len(whole) < len(raw):
        os.truncate(path, len(whole))
    return past


def _remember(past: Past, line: Mapping[str, Any]) -> None:
    if line.get("complete") is True:
        past.complete = True
        return
    try:
        past.ranges.append((int(line["first"]), int(line["end"])))
        past.receipts_end = int(line["receipts_end"])
        past.tally.add(Tally(**{name: int(line[name]) for name in Tally.__slots__}))
    except (KeyError, TypeError, ValueError):
        raise JournalBroken from None


def _line(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise JournalBroken from None
    if not isinstance(found, dict):
        raise JournalBroken
    return found


def _begin(path: Path, header: Header, delivery_id: str) -> None:
    """Put a new journal in the place of an old one, whole or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with _open(new, "wb") as file:
        _write(file, {"journal": VERSION, "delivery_id": delivery_id, **asdict(header)})
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _receipt_lines(outcome: Outcome) -> Iterator[bytes]:
    """Return one line per record: what was decided about it, in the order of the source."""
    found: dict[int, dict[str, Any]] = {}
    for one in outcome.batch.refused:
        line = found.setdefault(
            one.index, {"index": one.index, "at": one.at, "decision": REFUSED, "problems": []}
        )
        line["problems"] += _told_of([one])
    for decision in outcome.decisions:
        found[decision.index] = {
            "index": decision.index,
            "at": decision.at,
            "decision": decision.decision,
            "receipt_id": decision.receipt_id,
            **({"problems": _told_of(decision.reasons)} if decision.reasons else {}),
        }
    for _, line in sorted(found.items()):
        yield orjson.dumps(line) + b"\n"


def _told_of(refused: Iterable[Refusal]) -> list[dict[str, str]]:
    return [{"pointer": one.pointer, "code": one.code} for one in refused]


def _open(path: Path, mode: str) -> IO[bytes]:
    """Open a file for its owner alone."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, _MODE))


def _write(file: IO[bytes], line: Mapping[str, object]) -> None:
    file.write(orjson.dumps(line) + b"\n")
    _flush(file)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _told(error: OSError) -> str:
    return f"{JournalUnwritable.title}: {error.strerror or type(error).__name__}"
