"""What differs between the leaves that were sealed and the entries that are there.

Entries are compared as hashes. What stands in both, in one order, is unmoved (the longest such
sequence); what is in both and off that order was moved; between two unmoved neighbours a sealed
leaf that has nothing and an entry that belongs to nothing are one edited entry, because an edit
leaves an entry where it stands; what is left over is missing or inserted. Linear when nothing
differs, n log n when everything does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was found; the words are part of the interface."""

    ENTRY_EDITED = "entry_edited"
    ENTRY_MISSING = "entry_missing"
    ENTRY_INSERTED = "entry_inserted"
    ENTRY_MOVED = "entry_moved"
    SEAL_MISSING = "seal_missing"
    SEAL_EDITED = "seal_edited"
    SEAL_SIGNATURE_INVALID = "seal_signature_invalid"
    SEAL_KEY_UNTRUSTED = "seal_key_untrusted"
    SEAL_FOREIGN = "seal_foreign"
    SEAL_CHAIN_BROKEN = "seal_chain_broken"
    SEAL_LOST = "seal_lost"
    LEAVES_EDITED = "leaves_edited"
    COPY_MISSING = "copy_missing"
    COPY_DIFFERS = "copy_differs"
    EPOCH_DIFFERS = "epoch_differs"
    CHECKPOINT_DIFFERS = "checkpoint_differs"
    LEDGER_TRUNCATED = "ledger_truncated"
    COLUMN_ALTERED = "column_altered"
    HOME_DIFFERS = "home_differs"


MEANING: dict[Kind, str] = {
    Kind.ENTRY_EDITED: "another text stands where this entry was sealed",
    Kind.ENTRY_MISSING: "a sealed entry is not there",
    Kind.ENTRY_INSERTED: "an entry stands before this offset that was never sealed there",
    Kind.ENTRY_MOVED: "a sealed entry stands in another place",
    Kind.SEAL_MISSING: "the ledger lacks a seal of this number",
    Kind.SEAL_EDITED: "the text of the seal is not one that the sealer writes",
    Kind.SEAL_SIGNATURE_INVALID: "the signature does not fit the text of the seal",
    Kind.SEAL_KEY_UNTRUSTED: "the seal is signed with a key that is not trusted",
    Kind.SEAL_FOREIGN: "the seal belongs to another stream, environment or number",
    Kind.SEAL_CHAIN_BROKEN: "the seal does not follow the one before it",
    Kind.SEAL_LOST: "a copy names a seal of an earlier epoch that the ledger does not have",
    Kind.LEAVES_EDITED: "the kept leaf hashes are not those that were sealed",
    Kind.COPY_MISSING: "the copy of the seal is not in storage",
    Kind.COPY_DIFFERS: "the copy of the seal in storage is another one",
    Kind.EPOCH_DIFFERS: "the recorded beginning of the epoch is not the sealed one",
    Kind.CHECKPOINT_DIFFERS: "the seal is not the one of the auditor's checkpoint",
    Kind.LEDGER_TRUNCATED: "the ledger ends before the auditor's checkpoint",
    Kind.COLUMN_ALTERED: "the table is not as it was made, so it may say else than the text",
    Kind.HOME_DIFFERS: "the database says that it is another one than its keys seal for",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference inside a seal: which rank was sealed, which rank holds it or was added."""

    kind: Kind
    rank: int
    found_rank: int | None = None


def align(sealed: Sequence[bytes], found: Sequence[bytes]) -> Iterator[Finding]:
    """Yield what differs, in the order of the sealed ranks."""
    low = 0
    shorter = min(len(sealed), len(found))
    while low < shorter and sealed[low] == found[low]:
        low += 1
    high = 0
    while high < shorter - low and sealed[-1 - high] == found[-1 - high]:
        high += 1
    left = sealed[low : len(sealed) - high]
    right = found[low : len(found) - high]
    findings = list(_align(left, right))
    if len(left) == len(right):
        # Entries that only changed places, each told in its place: the plainer account, unless
        # one of them moved far and pushed all others.
        plain = list(_rank_by_rank(left, right))
        moves = all(finding.kind is Kind.ENTRY_MOVED for finding in plain)
        if moves and len(plain) <= len(findings) + 1:
            findings = plain
    for finding in findings:
        at = None if finding.found_rank is None else finding.found_rank + low
        yield Finding(finding.kind, finding.rank + low, at)


def _rank_by_rank(sealed: Sequence[bytes], found: Sequence[bytes]) -> Iterator[Finding]:
    places = {at: rank for rank, at in _pairs(sealed, found)}
    moved_to = {rank: at for at, rank in places.items()}
    for rank, (was, there) in enumerate(zip(sealed, found, strict=True)):
        if was != there:
            kind = Kind.ENTRY_MOVED if rank in moved_to and rank in places else Kind.ENTRY_EDITED
            yield Finding(kind, rank, moved_to.get(rank, rank))


def _align(sealed: Sequence[bytes], found: Sequence[bytes]) -> Iterator[Finding]:
    pairs = _pairs(sealed, found)
    unmoved = _longest_rising(pairs)
    moved = {rank: at for rank, at in pairs if (rank, at) not in unmoved}
    known = {at for _, at in pairs}
    paired = {rank for rank, _ in pairs}
    before = (-1, -1)
    for anchor in [*sorted(unmoved), (len(sealed), len(found))]:
        lacking = deque(r for r in range(before[0] + 1, anchor[0]) if r not in paired)
        strange = deque(a for a in range(before[1] + 1, anchor[1]) if a not in known)
        gap: list[Finding] = [
            Finding(Kind.ENTRY_MOVED, rank, moved[rank])
            for rank in range(before[0] + 1, anchor[0])
            if rank in moved
        ]
        while lacking and strange:
            gap.append(Finding(Kind.ENTRY_EDITED, lacking.popleft(), strange.popleft()))
        gap += [Finding(Kind.ENTRY_MISSING, rank) for rank in lacking]
        gap += [Finding(Kind.ENTRY_INSERTED, anchor[0], at) for at in strange]
        yield from sorted(gap, key=lambda finding: finding.rank)
        before = anchor


def _pairs(sealed: Sequence[bytes], found: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return (sealed rank, found rank) of hashes that are in both, by found rank."""
    places: dict[bytes, deque[int]] = defaultdict(deque)
    for rank, leaf in enumerate(sealed):
        places[leaf].append(rank)
    return [
        (waiting.popleft(), at) for at, leaf in enumerate(found) if (waiting := places.get(leaf))
    ]


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return a longest subsequence of pairs whose sealed ranks rise."""
    tails: list[int] = []
    ends: list[int] = []
    behind: list[int] = []
    for index, (rank, _) in enumerate(pairs):
        place = bisect_left(tails, rank)
        behind.append(ends[place - 1] if place else -1)
        tails[place : place + 1] = [rank]
        ends[place : place + 1] = [index]
    chosen: set[tuple[int, int]] = set()
    index = ends[-1] if ends else -1
    while index >= 0:
        chosen.add(pairs[index])
        index = behind[index]
    return chosen
