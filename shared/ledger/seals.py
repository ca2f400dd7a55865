"""One seal checked: of the ledger's record and its copy, what may be believed.

1. Its text is one that the sealer writes (`SEAL_EDITED`), for this stream, database and number
   (`SEAL_FOREIGN`).
2. A trusted key signed it (`SEAL_KEY_UNTRUSTED`, `SEAL_SIGNATURE_INVALID`).
3. It follows the seal before: digest, offset, position, epoch (`SEAL_CHAIN_BROKEN`).
4. Its leaves give its digest and its root (`LEAVES_EDITED`).
5. The copy is the same document (`COPY_MISSING`, `COPY_DIFFERS`).

Where the ledger's record fails, an authentic copy takes its place, so that entries can still be
compared with what was sealed.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.kernel.canonical import content_address
from shared.ledger import tree
from shared.ledger.compare import Kind
from shared.ledger.keys import Trust
from shared.ledger.model import FIRST, START, Home, Seal, Signed, read
from shared.ledger.report import Report


@dataclass(frozen=True, slots=True)
class Believed:
    """A seal that verifies, with its leaf hashes unless all records of them were changed."""

    seal: Seal
    digest: str
    leaves: list[bytes] | None


@dataclass(frozen=True, slots=True)
class Copy:
    """What storage says of a seal: a document, nothing, or that nobody asked."""

    document: bytes | None = None
    asked: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """What a seal is held against."""

    stream: str
    home: Home | None
    """The database; ``None``: files, which only need to be of one."""
    trust: Trust

    def fault(self, signed: Signed, number: int) -> Kind | Seal:
        """Return the seal, or why it is not to be believed (1, 2)."""
        seal = read(signed.body)
        if seal is None:
            return Kind.SEAL_EDITED
        if not self.trust.knows(seal.key_id):
            return Kind.SEAL_KEY_UNTRUSTED
        if not self.trust.signed(seal.key_id, signed.signature, signed.body):
            return Kind.SEAL_SIGNATURE_INVALID
        here = self.home in (None, seal.home) and self.trust.home in (None, seal.home.folder)
        if seal.stream != self.stream or seal.number != number or not here:
            return Kind.SEAL_FOREIGN
        return seal


def judge(
    scale: Scale, report: Report, number: int, kept: Signed | None, copy: Copy
) -> Believed | None:
    """Return what may be believed about a seal; differences go into the report."""
    copied = Signed.of(copy.document) if copy.document is not None else None
    found = Kind.SEAL_MISSING if kept is None else scale.fault(kept, number)
    if isinstance(found, Seal) and kept is not None:
        _compare(report, number, kept, copy)
        return Believed(found, kept.digest, _leaves(report, found, kept, copied))
    if isinstance(found, Kind):
        report.differs(found, number)
    if copied is None:
        return None
    found = scale.fault(copied, number)
    if isinstance(found, Kind):
        report.differs(Kind.COPY_DIFFERS, number)
        return None
    return Believed(found, copied.digest, _leaves(report, found, kept, copied))


def _compare(report: Report, number: int, kept: Signed, copy: Copy) -> None:
    """Compare an authentic seal with its copy (5); leaves are compared with what was sealed."""
    if not copy.asked:
        return
    if copy.document is not None:
        copied = Signed.of(copy.document)
        if copied is None or not _same(kept, copied):
            report.differs(Kind.COPY_DIFFERS, number)
    elif copy.pending:
        report.did_not_cover("copies that are not written yet")
    else:
        report.differs(Kind.COPY_MISSING, number)


def _same(kept: Signed, copied: Signed) -> bool:
    """Tell whether a copy is that of a seal.

    Where the ledger's own leaves were changed, that is told; the copy is not to blame.
    """
    if (copied.body, copied.signature) != (kept.body, kept.signature):
        return False
    seal = read(copied.body)
    whole = copied.leaves == kept.leaves
    return whole or (seal is not None and _sealed(seal, copied.leaves) is not None)


def follows(report: Report, before: Believed | None, now: Believed) -> None:
    """Check that a seal follows the one before, which is ``None`` at the beginning (3)."""
    seal = now.seal
    if before is None:
        first = (seal.number, seal.previous, seal.first_offset) == (1, FIRST, 0)
        sound = first and seal.after == START
    else:
        last = before.seal
        placed = (
            (seal.after == last.through and seal.above_seq == last.above_seq)
            if seal.epoch == last.epoch
            else (seal.epoch > last.epoch and seal.after == START)
        )
        sound = (
            placed
            and seal.home == last.home
            and seal.number == last.number + 1
            and seal.previous == before.digest
            and seal.first_offset == last.next_offset
        )
    if not sound:
        report.differs(Kind.SEAL_CHAIN_BROKEN, seal.number)


def _leaves(
    report: Report, seal: Seal, kept: Signed | None, copied: Signed | None
) -> list[bytes] | None:
    """Return the leaves that were sealed (4), from the ledger or else from the copy."""
    if kept is not None:
        if (found := _sealed(seal, kept.leaves)) is not None:
            return found
        report.differs(Kind.LEAVES_EDITED, seal.number)
    return _sealed(seal, copied.leaves) if copied is not None else None


def _sealed(seal: Seal, leaves: bytes) -> list[bytes] | None:
    if content_address(leaves) != seal.leaves or len(leaves) != tree.BYTES * seal.entries:
        return None
    found = tree.split(leaves)
    return found if tree.root(found).hex() == seal.root else None
