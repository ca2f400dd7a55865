"""Every difference between sealed and found entries is named and placed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.docs.reading import PROJECT
from shared.ledger.compare import MEANING, Finding, Kind, align

EDITED, MISSING = Kind.ENTRY_EDITED, Kind.ENTRY_MISSING
INSERTED, MOVED = Kind.ENTRY_INSERTED, Kind.ENTRY_MOVED


def leaves(text: str) -> list[bytes]:
    return [letter.encode() for letter in text]


def found(sealed: str, there: str) -> list[tuple[Kind, int]]:
    return [(f.kind, f.rank) for f in align(leaves(sealed), leaves(there))]


def test_single_changes_are_named_and_placed() -> None:
    assert found("abcdef", "abcdef") == []
    assert found("abcdef", "abXdef") == [(EDITED, 2)]
    assert found("abcdef", "abdef") == [(MISSING, 2)]
    assert found("abcdef", "abXcdef") == [(INSERTED, 2)]
    assert found("abcdef", "abcdefX") == [(INSERTED, 6)]
    assert found("abcdef", "Xabcdef") == [(INSERTED, 0)]
    assert found("abcdef", "abcde") == [(MISSING, 5)]
    assert found("abcdef", "") == [(MISSING, rank) for rank in range(6)]


def test_a_swap_is_a_move_and_not_an_edit() -> None:
    assert found("abcdef", "aecdbf") == [(MOVED, 1), (MOVED, 4)]
    assert found("abcdef", "bacdef") == [(MOVED, 0), (MOVED, 1)]
    assert found("abcdef", "adcbef") == [(MOVED, 1), (MOVED, 3)]
    assert found("abcdef", "bcdefa") == [(MOVED, 0)]


def test_changes_beside_each_other_are_told_apart() -> None:
    assert found("abcdef", "aXdefY") == [(EDITED, 1), (MISSING, 2), (INSERTED, 6)]
    assert found("abcdef", "XbcdeY") == [(EDITED, 0), (EDITED, 5)]


def test_an_entry_that_stands_twice_was_inserted_once() -> None:
    assert found("abcdef", "abcdecf") == [(INSERTED, 5)]


def test_every_kind_has_a_meaning_and_is_on_the_page() -> None:
    assert MEANING.keys() == set(Kind)
    page = (PROJECT / "docs" / "ledger.md").read_text()
    assert [kind for kind in Kind if f"`{kind}`" not in page] == []


@given(st.permutations("abcdefgh"), st.integers(0, 8), st.text("xyz", max_size=3))
def test_something_is_found_exactly_when_something_differs(shuffled, kept, more) -> None:
    there = "".join(shuffled)[:kept] + more
    findings = list(align(leaves("abcdefgh"), leaves(there)))
    assert bool(findings) == (there != "abcdefgh")
    assert all(0 <= f.rank <= 8 for f in findings)


@given(st.lists(st.integers(0, 30), unique=True, max_size=8), st.integers(0, 2**32))
def test_findings_explain_the_whole_difference(removed: list[int], seed: int) -> None:
    """Entries that were taken away are exactly those that are told as missing."""
    sealed = [bytes([n]) for n in range(31)]
    there = [leaf for rank, leaf in enumerate(sealed) if rank not in removed]
    assert list(align(sealed, there)) == [Finding(MISSING, rank) for rank in sorted(removed)]


def test_a_thorough_shuffle_of_a_large_seal_is_quick() -> None:
    """Sixteen thousand moves are found in n log n, not n squared."""
    sealed = [n.to_bytes(4) for n in range(16_384)]
    assert len(list(align(sealed, sealed[::-1]))) == 16_384
