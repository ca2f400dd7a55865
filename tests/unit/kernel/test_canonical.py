"""Canonical JSON against the reference library, and digests that are good for one purpose."""

from __future__ import annotations

import enum
import hashlib
import hmac
from datetime import UTC, datetime

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kernel.canonical import (
    NotCanonical,
    canonical,
    content_address,
    digest,
    digest_of,
    keyed_digest,
    same,
)

LIMIT = 2**53 - 1
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
SCALARS = st.none() | st.booleans() | st.integers(-LIMIT, LIMIT) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=30
)


@settings(deadline=None, max_examples=300)
@given(VALUES)
def test_what_is_canonical_here_is_canonical_by_rfc_8785(value) -> None:
    """Design 2.7: byte for byte what the reference library writes."""
    assert canonical(value) == rfc8785.dumps(value)


@settings(deadline=None)
@given(VALUES)
def test_reading_canonical_bytes_and_writing_them_again_changes_nothing(value) -> None:
    text = canonical(value)
    assert canonical(orjson.loads(text)) == text


@settings(deadline=None)
@given(st.dictionaries(KEYS, SCALARS), st.randoms())
def test_the_order_of_members_never_matters(value, dice) -> None:
    shuffled = list(value.items())
    dice.shuffle(shuffled)
    assert canonical(dict(shuffled)) == canonical(value)


class Word(enum.StrEnum):
    A = "a"


class Number(int):
    pass


UNFIT = [
    1.0,
    0.5,
    float("nan"),
    float("inf"),
    2**53,
    -(2**53),
    2**64,
    10**30,
    {"\N{LATIN SMALL LETTER E WITH ACUTE}": 1},
    {1: 1},
    {None: 1},
    {Word.A: 1},
    Word.A,
    Number(1),
    "\ud800",
    {"a": "\udfff"},
    b"bytes",
    {1, 2},
    datetime(2026, 1, 1, tzinfo=UTC),
    object(),
]


@pytest.mark.parametrize("value", UNFIT, ids=lambda value: type(value).__name__)
def test_what_has_no_one_spelling_is_refused_and_not_shown(value) -> None:
    for nested in (value, [value], {"k": value}, {"k": [{"k": value}]}, (value,)):
        with pytest.raises(NotCanonical) as refused:
            canonical(nested)
        assert str(refused.value).startswith("only ASCII keys")


def test_the_integers_that_every_json_reader_keeps_are_the_limit() -> None:
    assert canonical([LIMIT, -LIMIT]) == b"[9007199254740991,-9007199254740991]"


@pytest.mark.parametrize("depth", [250, 300, 5_000])
def test_depth_is_canonical_or_refused_and_never_a_crash(depth: int) -> None:
    value: list = []
    for _ in range(depth):
        value = [value]
    try:
        assert canonical(value) == b"[" * (depth + 1) + b"]" * (depth + 1)
    except NotCanonical:
        assert depth >= 254


@settings(deadline=None)
@given(st.binary(), st.binary(min_size=32, max_size=32))
def test_a_digest_is_good_for_one_purpose(data: bytes, key: bytes) -> None:
    """Design 2.7: domain separation; the purpose is part of what is hashed."""
    first, second = digest("ops.a.v1", data), digest("ops.b.v1", data)
    assert first != second
    assert first == hashlib.sha256(b"ops.a.v1\0" + data).digest()
    keyed = keyed_digest(key, "ops.a.v1", data)
    assert keyed == hmac.new(key, b"ops.a.v1\0" + data, "sha256").digest()
    assert len({first, second, keyed, keyed_digest(key, "ops.b.v1", data)}) == 4
    assert same(keyed, keyed_digest(key, "ops.a.v1", data))
    assert not same(keyed, first)


def test_a_purpose_cannot_run_into_the_data() -> None:
    assert digest("ops.a", b"b") != digest("ops.ab", b"")


def test_a_value_is_digested_in_its_canonical_form() -> None:
    assert digest_of("ops.x.v1", {"b": 1, "a": 2}) == digest("ops.x.v1", b'{"a":2,"b":1}')


def test_a_document_is_addressed_so_that_anybody_can_check_it() -> None:
    assert content_address(b"") == hashlib.sha256(b"").hexdigest()
