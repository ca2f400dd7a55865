"""Evidence as files: written by an export, checked anywhere without a database.

``<folder>/<stream>/<number>-e<epoch>.seal`` is the document that Blob storage holds too: text,
signature and leaves of a seal. The ``.ndjson`` beside it holds the texts of its entries, a line
each, in order. Keys are never part of an export: who checks brings the trusted ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.governance.facts import record
from shared.kernel.call import Call, demand
from shared.kernel.db import Database, Tx
from shared.ledger import store, tree
from shared.ledger.copies import name_of, place_of
from shared.ledger.errors import ExportUnusable
from shared.ledger.keys import Trust
from shared.ledger.model import Seal, Signed, read
from shared.ledger.report import Checkpoint, Report, carry_on
from shared.ledger.seals import Copy, Scale
from shared.ledger.streams import STREAMS, named
from shared.ledger.verification import PAGE, Verification
from shared.ledger.vocabulary import EXPORTED, Permission


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote."""

    stream: str
    seals: int
    entries: int


class Exports:
    """Writes evidence into a folder."""

    def __init__(self, audit: Database, control: Database) -> None:
        """Read as ``audit``; note as ``control`` that evidence left."""
        self._audit = audit
        self._control = control

    def export(self, call: Call, stream: str, folder: Path, number: int = 1) -> Exported:
        """Write the seals of a stream from ``number`` on, with their entries.

        A file that is there is written again. Raises `StreamUnknown`, `ExportUnusable`.
        """
        demand(call, Permission.ENTRY_EXPORT)
        named(stream)
        first, seals, entries = number, 0, 0
        while True:
            with self._audit.platform(call, read_only=True) as tx:
                page = store.seals_from(tx, stream, number, PAGE)
                known = store.epochs(tx, stream)
                for signed in page.values():
                    entries += _write(tx, known, folder / stream, signed)
            if not page:
                break
            seals += len(page)
            number = max(page) + 1
        with self._control.transaction(call) as tx:
            record(tx, call, EXPORTED, call.call_id, stream=stream, first=first, last=number - 1)
        return Exported(stream, seals, entries)


def _write(tx: Tx, known: Sequence[store.Epoch], folder: Path, signed: Signed) -> int:
    seal = read(signed.body)
    if seal is None:
        # What cannot be read has no name; the verification of the live ledger tells of it.
        return 0
    epoch = next((one for one in known if one.epoch == seal.epoch), known[-1])
    place = folder.parent / name_of(seal.stream, seal.number, seal.epoch)
    count = 0
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.with_suffix(".ndjson").open("wb") as file:
            for _, _, text in store.entries_between(
                tx, seal.stream, epoch, seal.after, seal.through
            ):
                file.write(text + b"\n")
                count += 1
        place.write_bytes(signed.document())
    except OSError as error:
        raise ExportUnusable from error
    return count


class FileEvidence:
    """One stream of an exported folder."""

    def __init__(self, folder: Path, stream: str) -> None:
        """Look at the names; documents are read when they are asked for."""
        self._places: dict[int, Path] = {}
        for file in sorted(folder.joinpath(stream).glob("*.seal")):
            if (place := place_of(file.name)) is not None:
                self._places[place[0]] = file
        self._numbers = sorted(self._places)

    def seals(self, number: int) -> dict[int, Signed]:
        """Return some seals from a number on."""
        found: dict[int, Signed] = {}
        entries = 0
        for at in self._numbers[bisect_left(self._numbers, number) :]:
            # What is no seal document is one that cannot be read, not one that is missing.
            document = self._places[at].read_bytes()
            found[at] = Signed.of(document) or Signed(document, b"", b"")
            entries += len(found[at].leaves) // tree.BYTES
            if entries >= PAGE:
                break
        return found

    def copy(self, number: int, epoch: int) -> Copy:  # noqa: ARG002 - the protocol's signature
        """Return that nobody asked: files have no second record."""
        return Copy()

    def copies(self) -> Iterator[tuple[int, int]]:
        """Yield nothing."""
        return iter(())

    def entries(self, seals: Sequence[Seal]) -> Iterator[list[bytes]]:
        """Yield the leaf hashes of the lines beside each seal."""
        for seal in seals:
            yield tree.leaves_of(self.texts(seal))

    def texts(self, seal: Seal) -> Iterator[bytes]:
        """Yield the lines beside a seal."""
        try:
            lines = self._places[seal.number].with_suffix(".ndjson").read_bytes().split(b"\n")
        except FileNotFoundError:
            lines = [b""]
        if lines[-1] == b"":
            lines.pop()
        yield from lines

    def beyond(self, last: Seal | None, following: Seal) -> int:  # noqa: ARG002
        """Return 0: a line stands beside its seal or nowhere."""
        return 0

    def boundary(self, seal: Seal) -> int:
        """Return what was signed: files keep no other record of epochs."""
        return seal.above_seq

    def unsealed(self, last: Seal | None) -> int:  # noqa: ARG002
        """Return 0: an export holds sealed entries alone."""
        return 0


def verify_files(
    folder: Path,
    trust: Trust,
    starts: Mapping[str, Checkpoint],
    *,
    stream: str | None = None,
    dropped: frozenset[str] = frozenset(),
) -> list[Report]:
    """Check an exported folder alone. Raises `ExportUnusable` when no stream is in it."""
    for name in starts:
        named(name)
    # A stream of which the auditor saw a seal is looked for, also where its folder is gone.
    here = [name for name in STREAMS if folder.joinpath(name).is_dir() or name in starts]
    wanted = [name for name in here if stream in (None, name)]
    if stream is not None:
        named(stream)
    if not wanted or not folder.is_dir():
        raise ExportUnusable("The folder holds no such exported stream")
    try:
        reports = [
            Verification(Scale(name, None, trust), FileEvidence(folder, name), dropped=dropped).run(
                starts.get(name)
            )
            for name in wanted
        ]
    except OSError as error:
        raise ExportUnusable from error
    for report in reports:
        if report.ok and not report.seals and report.checkpoint is None:
            report.did_not_cover("folder without a seal")
    carry_on(reports, starts)
    return reports
