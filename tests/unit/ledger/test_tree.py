"""The tree is that of RFC 6962, and an inclusion proof proves one leaf and no other."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger import tree

SIZES = range(1, 70)


def mth(entries: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written there."""
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = split_point(len(entries))
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def audit_path(m: int, entries: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1, as it is written there."""
    if len(entries) == 1:
        return []
    k = split_point(len(entries))
    if m < k:
        return [*audit_path(m, entries[:k]), mth(entries[k:])]
    return [*audit_path(m - k, entries[k:]), mth(entries[:k])]


def split_point(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def some(size: int) -> list[bytes]:
    return [f"entry {number}".encode() for number in range(size)]


@pytest.mark.parametrize("size", SIZES)
def test_root_and_every_path_are_those_of_the_rfc(size: int) -> None:
    entries = some(size)
    leaves = tree.leaves_of(entries)
    assert tree.root(leaves) == mth(entries)
    for index in range(size):
        path = tree.path(leaves, index)
        assert path == audit_path(index, entries)
        assert tree.root_from(leaves[index], index, size, path) == mth(entries)


def test_known_root_of_the_rfc_for_one_empty_entry() -> None:
    """The leaf hash of an empty entry, as certificate transparency's test vectors give it."""
    known = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert tree.root(tree.leaves_of([b""])).hex() == known


@given(st.integers(1, 300), st.data())
def test_a_path_proves_its_own_leaf_at_its_own_index_alone(size: int, data) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-1, size + 1))
    leaves = tree.leaves_of(some(size))
    path = tree.path(leaves, index)
    root = tree.root(leaves)
    assert tree.root_from(leaves[index], index, size, path) == root
    if other != index:
        assert tree.root_from(leaves[index], other, size, path) != root
    assert tree.root_from(tree.leaf(b"another"), index, size, path) != root
    assert tree.root_from(leaves[index], index, size, [*path, leaves[0]]) is None
    if path:
        assert tree.root_from(leaves[index], index, size, path[:-1]) is None
        at = data.draw(st.integers(0, len(path) - 1))
        bent = [*path[:at], tree.leaf(path[at]), *path[at + 1 :]]
        assert tree.root_from(leaves[index], index, size, bent) != root


def test_a_node_cannot_be_passed_off_as_a_leaf() -> None:
    """Separate prefixes: two nodes put together are no entry of a smaller tree."""
    leaves = tree.leaves_of(some(4))
    nodes = [tree.root(leaves[:2]), tree.root(leaves[2:])]
    assert tree.root(tree.leaves_of([nodes[0] + nodes[1]])) != tree.root(leaves)


def test_leaves_are_stored_one_behind_the_other() -> None:
    leaves = tree.leaves_of(some(9))
    assert tree.split(b"".join(leaves)) == leaves
