"""The receipts file of a delivery: a header that names the delivery, then a line per record.

The header keeps two deliveries out of one file: what another source wrote is never cut away, and
what an earlier delivery of the same source wrote is set aside under that delivery's name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from shared.client.errors import JournalBusy, ReceiptsForeign
from shared.client.requests import Outcome
from shared.client.rows import Refusal
from shared.client.tally import REFUSED

VERSION = 1
_MODE = 0o600
_HEADER = b'{"receipts":'
"""How the first line begins."""
_LONGEST_HEADER = 1024


class Receipts:
    """An open receipts file, locked for this process."""

    def __init__(self, path: Path, source: str) -> None:
        """Open and lock a file; ``source`` names whose it is to be, "" for nobody's twice.

        Raises `JournalBusy`, `OSError`.
        """
        self._path = path
        self._source = source
        self._file = _locked(path)
        self._end = 0

    def check(self) -> None:
        """See that a new delivery may have the file. Raises `ReceiptsForeign`."""
        if self._holds_receipts() and self._past().get("source") != (self._source or None):
            raise ReceiptsForeign

    def begin(self, delivery_id: str) -> None:
        """Begin the receipts of a delivery, once `check` allowed it. Raises `OSError`."""
        past = str(self._past().get("delivery_id", "")) or "earlier"
        if self._holds_receipts() and past != delivery_id:
            self._path.rename(_aside(self._path, past))
            self.close()
            self._file = _locked(self._path)
        self._file.truncate(0)
        header = {"receipts": VERSION, "delivery_id": delivery_id, "source": self._source}
        self._end = self._file.write(orjson.dumps(header) + b"\n")
        flush(self._file)

    def go_on(self, delivery_id: str, end: int) -> None:
        """Cut the file back to where its journal left it. Raises `ReceiptsForeign`, `OSError`."""
        if self._past().get("delivery_id") != delivery_id or self._size() < end:
            raise ReceiptsForeign("The receipts file is not the one of this delivery")
        self._file.truncate(end)
        self._end = end

    def write(self, outcome: Outcome) -> int:
        """Put an outcome on disk and return where the file ends. Raises `OSError`."""
        self._end += self._file.write(b"".join(_lines(outcome)))
        flush(self._file)
        return self._end

    def close(self) -> None:
        close(self._file)

    def _size(self) -> int:
        return self._file.seek(0, os.SEEK_END)

    def _head(self) -> bytes:
        self._file.seek(0)
        return self._file.readline(_LONGEST_HEADER)

    def _past(self) -> Mapping[str, Any]:
        """Return the header that is there, if it is one."""
        head = self._head()
        if not (head.startswith(_HEADER) and head.endswith(b"\n")):
            return {}
        try:
            found = orjson.loads(head)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    def _holds_receipts(self) -> bool:
        """Tell whether there is more than a header, which a crash may have cut off."""
        head = self._head()
        if head.endswith(b"\n") or len(head) == _LONGEST_HEADER:
            return not head.startswith(_HEADER) or self._size() > len(head)
        return not (head.startswith(_HEADER) or _HEADER.startswith(head))


def _locked(path: Path) -> IO[bytes]:
    file = opened(path, "ab+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another process may have set the file aside between the two calls.
        ours = os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except BlockingIOError:
        ours = False
    except OSError:
        close(file)
        raise
    if not ours:
        close(file)
        raise JournalBusy("Another process is writing this receipts file")
    return file


def _aside(path: Path, delivery_id: str) -> Path:
    """Return where an earlier delivery's receipts go: its name before the last suffixes."""
    ending = ".receipts.ndjson" if path.name.endswith(".receipts.ndjson") else path.suffix
    stem = path.name.removesuffix(ending)
    number, found = 1, path.with_name(f"{stem}.{delivery_id}{ending}")
    while found.exists():
        number += 1
        found = path.with_name(f"{stem}.{delivery_id}.{number}{ending}")
    return found


def _lines(outcome: Outcome) -> Iterator[bytes]:
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


def opened(path: Path, mode: str) -> IO[bytes]:
    """Open a file for its owner alone."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, _MODE))


def flush(file: IO[bytes]) -> None:
    """Put on disk what was written."""
    file.flush()
    os.fsync(file.fileno())


def close(file: IO[bytes]) -> None:
    """Close a file; everything that counts was flushed, and what could not be was told."""
    try:
        file.close()
    except OSError:
        return
