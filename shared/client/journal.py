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
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import orjson

from shared.client.errors import JournalBroken, JournalBusy, JournalDiffers, JournalUnwritable
from shared.client.receipts import Receipts, close, flush, opened
from shared.client.requests import Outcome
from shared.client.tally import Tally, tally_of
from shared.kernel.canonical import digest

VERSION = 1


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
    source: str
    """Stands for the source's path: whose the receipts are."""

    @classmethod
    def of(cls, source: str, state: str, receipts: str | None) -> Self:
        """Return the places for a source: named after its path, which stays out of the files."""
        path = Path(source).resolve()
        source = digest("ops.client.path.v1", bytes(path)).hex()[:12]
        name = f"{path.name[:80]}.{source}"
        folder = Path(state)
        return cls(
            folder / f"{name}.journal",
            Path(receipts) if receipts else folder / f"{name}.receipts.ndjson",
            folder / f"{name}.lock",
            source,
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

    def __init__(self, journal: IO[bytes] | None, receipts: Receipts | None, past: Past) -> None:
        """Be the journal of open files, of which a source that comes once needs the second alone.

        `keep` and `receipts_only` open one.
        """
        self._journal = journal
        self._receipts = receipts
        self._unwritable: JournalUnwritable | None = None
        self.past = past

    def settle(self, outcome: Outcome) -> Tally:
        """Write one outcome down: its receipts, then its line. Raises `JournalUnwritable`.

        After that has failed once, nothing more is written: the end of a file that could not be
        written to is not known.
        """
        counted = tally_of(outcome)
        batch = outcome.batch
        with self._writing():
            end = self._receipts.write(outcome) if self._receipts else 0
            self._note(
                {
                    "first": batch.first,
                    "end": batch.end,
                    **asdict(counted),
                    "request_id": outcome.request_id,
                    "receipts_end": end,
                }
            )
        return counted

    def finish(self, rows: int) -> None:
        """Write down that the file is through. Raises `JournalUnwritable`."""
        with self._writing():
            self._note({"complete": True, "rows": rows})

    def _note(self, line: Mapping[str, object]) -> None:
        if self._journal is not None:
            _write(self._journal, line)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._unwritable is not None:
            raise self._unwritable
        try:
            yield
        except OSError as error:
            self._unwritable = JournalUnwritable(_told(error))
            raise self._unwritable from error


@contextmanager
def keep(places: Places, header: Header, delivery_id: str, *, restart: bool) -> Iterator[Journal]:
    """Open the journal of a delivery, going on where an earlier run of it ended.

    A delivery is begun anew when what it was about has changed and it is finished or nothing of it
    was settled, or with ``restart``. Raises `JournalDiffers`, `JournalBusy`, `JournalBroken`,
    `JournalUnwritable`, `ReceiptsForeign`.
    """
    with ExitStack() as files:
        with _opening():
            places.lock.parent.mkdir(parents=True, exist_ok=True)
            lock = files.enter_context(opened(places.lock, "ab"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalBusy from None
        past = None if restart else _past(places.journal, header)
        if past is not None and past.complete:
            yield Journal(None, None, past)
            return
        with _opening():
            receipts = Receipts(places.receipts, places.source)
            files.callback(receipts.close)
            if past is None:
                receipts.check()
                past = Past(delivery_id)
                _begin(places.journal, header, delivery_id)
            if past.receipts_end:
                receipts.go_on(past.delivery_id, past.receipts_end)
            else:
                receipts.check()
                receipts.begin(past.delivery_id)
            journal = opened(places.journal, "ab")
            files.callback(close, journal)
        yield Journal(journal, receipts, past)


@contextmanager
def receipts_only(path: str, delivery_id: str) -> Iterator[Journal]:
    """Keep the receipts of a source that comes once, and nothing to go on from.

    Raises `JournalBusy`, `JournalUnwritable`, `ReceiptsForeign`.
    """
    with ExitStack() as files:
        with _opening():
            receipts = Receipts(Path(path), "")
            files.callback(receipts.close)
            receipts.check()
            receipts.begin(delivery_id)
        yield Journal(None, receipts, Past(delivery_id))


@contextmanager
def _opening() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalUnwritable(_told(error)) from error


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
        if past.complete or not past.ranges:
            # Nothing was written down, so there is nothing to mix with.
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
    with opened(new, "wb") as file:
        _write(file, {"journal": VERSION, "delivery_id": delivery_id, **asdict(header)})
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(file: IO[bytes], line: Mapping[str, object]) -> None:
    file.write(orjson.dumps(line) + b"\n")
    flush(file)


def _told(error: OSError) -> str:
    return f"{JournalUnwritable.title}: {error.strerror or type(error).__name__}"
