"""A stream checked from a checkpoint, or from its beginning, to its end, seal by seal.

The evidence is the live ledger or exported files (`Evidence`); the rules are the same. Memory is
that of a few seals. What a seal proves is compared entry by entry with what is there, so that
every difference is located; a seal of which no authentic record is left is one difference, and
its entries are told as not covered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import orjson

from shared.ledger import tree
from shared.ledger.compare import Kind, align
from shared.ledger.model import Seal, Signed, read
from shared.ledger.report import Checkpoint, Report
from shared.ledger.seals import Believed, Copy, Scale, follows, judge
from shared.ledger.streams import named

PAGE = 32_768
"""Entries whose seals are looked at together."""
_ASKED = 1000
"""Copies that are asked for where the ledger lacks seals, in one stretch."""


class Evidence(Protocol):
    """Where seals and entries of one stream come from."""

    def seals(self, number: int) -> dict[int, Signed]:
        """Return some seals from a number on, by number; empty: there are no more."""
        ...

    def copy(self, number: int, epoch: int) -> Copy:
        """Return the copy of a seal."""
        ...

    def copies(self) -> Iterator[tuple[int, int]]:
        """Yield number and epoch of every copy there is."""
        ...

    def entries(self, seals: Sequence[Seal]) -> Iterator[list[bytes]]:
        """Yield the leaf hashes of the entries that are there, for each of some seals in turn.

        They follow one another within one epoch.
        """
        ...

    def texts(self, seal: Seal) -> Iterator[bytes]:
        """Yield the texts of the entries that are there for one seal."""
        ...

    def beyond(self, last: Seal | None, following: Seal) -> int:
        """Count entries of epochs that are over and that none of their seals covers.

        ``last`` is the last seal before the epoch of ``following``, if there is one.
        """
        ...

    def boundary(self, seal: Seal) -> int:
        """Return the recorded seq above which a seal's epoch begins."""
        ...

    def unsealed(self, last: Seal | None) -> int:
        """Count the entries that no seal covers yet."""
        ...


class Verification:
    """One run over one stream."""

    def __init__(
        self, scale: Scale, evidence: Evidence, *, dropped: frozenset[str] = frozenset()
    ) -> None:
        """Hold ``evidence`` against ``scale``; retention dropped the months ``dropped``."""
        self._scale = scale
        self._evidence = evidence
        self._dropped = dropped
        self._report = Report(scale.stream)
        self._last: Believed | None = None
        self._unbroken = True
        self._epochs: dict[int, int] = {}

    def run(self, start: Checkpoint | None = None) -> Report:
        """Return what was found from the seal after ``start`` on."""
        number = 1
        if start is not None:
            if not self._begin(start):
                return self._report
            number = start.number + 1
        number = self._walk(number)
        self._look_beyond(number)
        last = self._last
        if last is not None:
            self._report.checkpoint = Checkpoint(self._scale.stream, last.seal.number, last.digest)
        self._report.did_not_cover(
            "entries that are not sealed yet", self._evidence.unsealed(last.seal if last else None)
        )
        return self._report

    def _begin(self, start: Checkpoint) -> bool:
        """Find the checkpoint; without it there is nothing to go on from."""
        report, seals = self._report, self._evidence.seals(start.number)
        kept = seals.get(start.number)
        if kept is None:
            kind = Kind.SEAL_MISSING if seals else Kind.LEDGER_TRUNCATED
            report.differs(kind, start.number)
            return False
        found = self._scale.fault(kept, start.number)
        if kept.digest != start.digest or not isinstance(found, Seal):
            report.differs(Kind.CHECKPOINT_DIFFERS, start.number)
            return False
        self._last = Believed(found, kept.digest, None)
        self._epochs[found.epoch] = 1
        return True

    def _walk(self, number: int) -> int:
        """Check every seal that the ledger holds, and return the number after the last."""
        while seals := self._evidence.seals(number):
            believed: list[Believed] = []
            for at in self._numbers(number, seals):
                found = self._judge(at, seals.get(at), self._copy(at, seals.get(at)))
                if found is None:
                    continue
                if believed and believed[-1].seal.epoch != found.seal.epoch:
                    self._compare(believed)
                    believed = []
                believed.append(found)
            self._compare(believed)
            number = max(seals) + 1
        return number

    def _numbers(self, number: int, seals: Mapping[int, Signed]) -> Iterator[int]:
        """Yield the numbers from one on of which there is a seal, or at least a copy.

        A stretch without either is one difference, however long somebody made it.
        """
        for present in sorted(seals):
            missing = number
            for at in range(number, min(present, number + _ASKED)):
                if self._copy(at, None).document is not None:
                    self._tell_missing(missing, at - 1)
                    yield at
                    missing = at + 1
            self._tell_missing(missing, present - 1)
            yield present
            number = present + 1

    def _tell_missing(self, first: int, last: int) -> None:
        if first <= last:
            self._report.differs(Kind.SEAL_MISSING, first, through=last)
            self._report.did_not_cover("seals without any authentic record", last - first + 1)
            self._unbroken = False

    def _judge(self, number: int, kept: Signed | None, copy: Copy) -> Believed | None:
        report, last = self._report, self._last
        found = judge(self._scale, report, number, kept, copy)
        if found is None:
            report.did_not_cover("seals without any authentic record")
            self._unbroken = False
            return None
        seal = found.seal
        if self._unbroken:
            follows(report, last, found)
            before = last.seal if last is not None else None
            if seal.epoch != (before.epoch if before else 1):
                place = (before.number, before.next_offset) if before else (number, 0)
                for _ in range(self._evidence.beyond(before, seal)):
                    report.differs(Kind.ENTRY_INSERTED, *place)
        if seal.epoch not in self._epochs:
            self._epochs[seal.epoch] = number
            if self._evidence.boundary(seal) != seal.above_seq:
                report.differs(Kind.EPOCH_DIFFERS, number)
        self._last, self._unbroken = found, True
        report.seals += 1
        return found

    def _copy(self, number: int, kept: Signed | None) -> Copy:
        """Ask for the copy under every epoch that the seal may belong to."""
        claimed = read(kept.body) if kept is not None else None
        epoch = self._last.seal.epoch if self._last else 1
        names = [claimed.epoch] if claimed else []
        copy = Copy()
        for name in dict.fromkeys([*names, epoch, epoch + 1]):
            copy = self._evidence.copy(number, name)
            if copy.document is not None:
                break
        return copy

    def _compare(self, believed: Sequence[Believed]) -> None:
        """Compare the entries of some seals with what was sealed."""
        report = self._report
        entries = self._evidence.entries([one.seal for one in believed])
        for one, found in zip(believed, entries, strict=True):
            seal = one.seal
            report.entries += seal.entries
            if one.leaves is None:
                if len(found) != seal.entries or tree.root(found).hex() != seal.root:
                    report.did_not_cover("entries whose leaf hashes are lost", seal.entries)
                    report.differs(Kind.ENTRY_EDITED, seal.number)
            elif found != one.leaves:
                self._locate(seal, one.leaves, found)

    def _locate(self, seal: Seal, leaves: list[bytes], found: list[bytes]) -> None:
        findings = list(align(leaves, found))
        # What is left is as it was sealed, so that its texts may say of which month it is.
        if self._dropped & seal.months.keys() and all(
            finding.kind is Kind.ENTRY_MISSING for finding in findings
        ):
            left = Counter(self._month(text) for text in self._evidence.texts(seal))
            gone = self._dropped & (seal.months.keys() - left.keys())
            if {**left, **{month: seal.months[month] for month in gone}} == dict(seal.months):
                # Every other month is whole.
                self._report.did_not_cover("entries that retention dropped", len(findings))
                return
        for finding in findings:
            self._report.differs(finding.kind, seal.number, seal.first_offset + finding.rank)

    def _month(self, text: bytes) -> str:
        """Return the month of an entry, as a seal counts it."""
        members = orjson.loads(text)
        dated = (members.get(name) for name in named(self._scale.stream).dated)
        return str(next(filter(None, dated), ""))[:7].replace("-", "")

    def _look_beyond(self, number: int) -> None:
        """Look for copies of seals that the ledger does not have (any more)."""
        report = self._report
        last_epoch = max(self._epochs, default=1)
        begins = sorted((first, epoch) for epoch, first in self._epochs.items())
        extra: list[int] = []
        for at, epoch in self._evidence.copies():
            if at >= number:
                if epoch >= last_epoch:
                    extra.append(at)
                else:
                    report.differs(Kind.SEAL_LOST, at)
            elif epoch != _epoch_at(begins, at, epoch):
                report.differs(Kind.SEAL_LOST, at)
        for at in sorted(extra):
            if self._evidence.seals(at):
                # It was sealed while this verification ran.
                break
            believed = self._judge(at, None, self._copy(at, None))
            if believed is not None:
                self._compare([believed])


def _epoch_at(begins: Sequence[tuple[int, int]], number: int, unknown: int) -> int:
    """Return the epoch of a seal that was looked at; ``unknown`` for one that was not."""
    known = [(first, epoch) for first, epoch in begins if first <= number]
    return max(known)[1] if known else unknown
