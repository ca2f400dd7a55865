"""A seal's text is read strictly: one spelling, every member, nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.canonical import canonical, content_address
from shared.ledger import tree
from shared.ledger.copies import name_of, place_of
from shared.ledger.model import FIRST, START, Home, Position, Seal, Signed, Stretch, read, seal_next

HOME = Home("local_parity", "west", "2026-11-21T08:00:00.000000Z")
NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def a_seal(before: tuple[Seal, str] | None = None, count: int = 3) -> Seal:
    after = before[0].through if before else START
    stretch = Stretch(
        "admission",
        1,
        0,
        after,
        Position(after.xid + 1, after.seq + count),
        tree.leaves_of([str(number).encode() for number in range(count)]),
        {"202611": count},
    )
    return seal_next(before, stretch, HOME, ("r1", "f" * 64), NOW)


def test_what_is_written_is_read() -> None:
    first = a_seal()
    assert read(first.body()) == first
    second = a_seal((first, content_address(first.body())), 5)
    assert read(second.body()) == second
    assert (first.number, first.previous, first.first_offset) == (1, FIRST, 0)
    assert (second.number, second.first_offset, second.next_offset) == (2, 3, 8)
    assert second.after == first.through


@pytest.mark.parametrize(
    "change",
    [
        {"document": "ops.seal.v2"},
        {"entries": 0, "months": {}},
        {"entries": 4},
        {"number": 0},
        {"number": "1"},
        {"number": True},
        {"epoch": -1},
        {"root": None},
        {"months": []},
        {"months": {"202611": 4, "202612": -1}},
        {"through_xid": 0, "through_seq": 0},
        {"more": 1},
    ],
    ids=str,
)
def test_a_text_that_the_sealer_does_not_write_is_no_seal(change: dict) -> None:
    members = orjson.loads(a_seal().body())
    assert read(canonical({**members, **change})) is None


def test_a_text_that_is_not_canonical_or_not_whole_is_no_seal() -> None:
    body = a_seal().body()
    members = orjson.loads(body)
    assert read(body + b" ") is None
    assert read(orjson.dumps(members, option=orjson.OPT_INDENT_2)) is None
    assert read(body.replace(b'"epoch":1,', b'"epoch":1,"epoch":1,')) is None
    for name in members:
        assert read(canonical({key: members[key] for key in members if key != name})) is None
    for junk in (b"", b"[]", b"null", b"\xff", b'{"document":"ops.seal.v1"}'):
        assert read(junk) is None


@given(st.binary(min_size=1).filter(lambda b: b"\n" not in b), st.binary(), st.binary())
def test_a_document_holds_text_signature_and_leaves(body, signature, leaves) -> None:
    signed = Signed(body, signature, leaves)
    assert Signed.of(signed.document()) == signed


@given(st.binary(max_size=40))
def test_what_is_no_document_is_never_an_error(junk: bytes) -> None:
    found = Signed.of(junk)
    assert found is None or isinstance(found, Signed)


@given(st.integers(1, 10**11), st.integers(1, 10**4))
def test_a_name_tells_number_and_epoch_and_sorts_by_number(number: int, epoch: int) -> None:
    assert place_of(name_of("fact", number, epoch)) == (number, epoch)
    assert name_of("fact", number, epoch) < name_of("fact", number + 1, 1)


@pytest.mark.parametrize("name", ["x", "1.seal", "a-e1.seal", "000000000001-e.seal", "1-e1e1.seal"])
def test_other_names_are_none_of_ours(name: str) -> None:
    assert place_of(name) is None


def test_two_databases_keep_their_copies_apart() -> None:
    other = HOME._replace(initialised_at="2026-11-21T08:00:00.000001Z")
    assert HOME.folder == "local_parity/west/20261121T080000000000Z"
    assert other.folder != HOME.folder
