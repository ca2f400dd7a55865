"""The Merkle tree of RFC 6962 (2.1): leaves and nodes are hashed under different prefixes.

This is the one loop of the product that hashes a million times, so it calls SHA-256 itself. The
tree is built level by level, pairing neighbours and passing an odd last one up; that is the same
tree as the RFC's recursive definition, which a test says for every size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

LEAF, NODE = b"\x00", b"\x01"
BYTES = 32


def leaf(entry: bytes) -> bytes:
    """Return the leaf hash of an entry."""
    return hashlib.sha256(LEAF + entry).digest()


def leaves_of(entries: Iterable[bytes]) -> list[bytes]:
    """Return the leaf hashes of entries, in order."""
    hashed, prefix = hashlib.sha256, LEAF
    return [hashed(prefix + entry).digest() for entry in entries]


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over at least one leaf hash."""
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of one leaf: the siblings from the bottom to the root."""
    level, siblings = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        # An odd last node has no sibling: it is passed up as it is.
        if sibling < len(level):
            siblings.append(level[sibling])
        level = _above(level)
        index >>= 1
    return siblings


def root_from(leaf_hash: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bytes | None:
    """Return the root that an audit path leads to; ``None`` when the path has another length."""
    if not 0 <= index < size:
        return None
    found, last, waiting = leaf_hash, size - 1, list(siblings)
    while last:
        if index & 1 or index < last:
            if not waiting:
                return None
            sibling = waiting.pop(0)
            pair = sibling + found if index & 1 else found + sibling
            found = hashlib.sha256(NODE + pair).digest()
        index, last = index >> 1, last >> 1
    return None if waiting else found


def split(leaves: bytes) -> list[bytes]:
    """Return leaf hashes that were stored one behind the other."""
    return [leaves[at : at + BYTES] for at in range(0, len(leaves), BYTES)]


def _above(level: list[bytes]) -> list[bytes]:
    hashed, prefix = hashlib.sha256, NODE
    above = [
        hashed(prefix + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)
    ]
    if len(level) & 1:
        above.append(level[-1])
    return above
