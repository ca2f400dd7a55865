"""Bodies: what JSON leaves open is refused, whatever way it is written."""

from __future__ import annotations

import json
from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ingest.body import LARGEST_RECORD, demand_readable, read
from shared.ingest.errors import BodyEmpty, BodyUnreadable, TooManyRecords
from shared.kernel.errors import Unsupported

ONE, MANY = "application/json", "application/x-ndjson"


def refused(raw: bytes, media: str = ONE) -> list[tuple[str, str]]:
    """Pointer and code of everything unreadable; empty when the body is read."""
    try:
        demand_readable(read(media, raw, 100))
    except BodyUnreadable as error:
        return [(item.pointer, item.code) for item in error.items]
    return []


# documents that are written by hand, so that every spelling of them can occur ---------------------

SPACE = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n  "])
NAME = st.sampled_from(["a", "b", "", ":", '"', "\\", '":', "a b", "\N{SNOWMAN}"])
SCALAR = st.sampled_from(["1", "null", "true", '"x"', '"\\":"', '":"', '"a\\\\"', '"{\\"a\\":1}"'])


@st.composite
def spelled(draw, name: str) -> str:
    """A member name with any of its characters written as an escape."""
    plain = {'"': '\\"', "\\": "\\\\"}
    return (
        '"'
        + "".join(
            f"\\u{ord(c):04x}" if draw(st.integers(0, 3)) == 0 else plain.get(c, c) for c in name
        )
        + '"'
    )


@st.composite
def objects(draw, inner) -> str:
    members = []
    for _ in range(draw(st.integers(0, 4))):
        name = draw(NAME.flatmap(spelled))
        members.append(name + draw(SPACE) + ":" + draw(SPACE) + draw(inner) + draw(SPACE))
    return "{" + draw(SPACE) + ("," + draw(SPACE)).join(members) + "}"


@st.composite
def lists(draw, inner) -> str:
    return "[" + ",".join(draw(st.lists(inner, max_size=3))) + "]"


DOCUMENTS = st.recursive(SCALAR, lambda inner: objects(inner) | lists(inner), max_leaves=8)


def repeats(raw: str) -> bool:
    """The reference: every object's members, as the standard library reads them."""
    found = False

    def once(pairs):
        nonlocal found
        found |= len({name for name, _ in pairs}) < len(pairs)
        return dict(pairs)

    json.loads(raw, object_pairs_hook=once)
    return found


@settings(deadline=None, max_examples=500)
@given(DOCUMENTS)
def test_a_repeated_member_name_is_found_in_every_spelling(raw: str) -> None:
    """The last would win, or the first: a receipt may not depend on the parser."""
    codes = [code for _, code in refused(raw.encode())]
    assert codes == (["duplicate_name"] if repeats(raw) else [])


@settings(deadline=None, max_examples=200)
@given(DOCUMENTS)
def test_what_is_read_is_what_json_says(raw: str) -> None:
    if not repeats(raw):
        (unit,) = read(ONE, raw.encode(), 1)
        assert unit.record == json.loads(raw)
        assert (unit.at, unit.raw) == ("", raw.encode())


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused_and_never_anything_else(raw: bytes) -> None:
    for media in (ONE, MANY):
        with suppress(BodyUnreadable, BodyEmpty, TooManyRecords):
            demand_readable(read(media, raw, 10))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "json_unreadable"),
        (b"\xef\xbb\xbf{}", "json_unreadable"),
        ("{}".encode("utf-16"), "json_unreadable"),
        ("{}".encode("utf-16-le"), "json_unreadable"),
        ("{}".encode("utf-32"), "json_unreadable"),
        (b'{"a":"\xff"}', "json_unreadable"),
        (b'{"a":"\xed\xa0\x80"}', "json_unreadable"),
        (b'{"a":"\\ud800"}', "json_unreadable"),
        (b'{"a":"\\udc00\\ud800"}', "json_unreadable"),
        (b'{"a":NaN}', "json_unreadable"),
        (b'{"a":Infinity}', "json_unreadable"),
        (b'{"a":01}', "json_unreadable"),
        (b'{"a":1,}', "json_unreadable"),
        (b"{'a':1}", "json_unreadable"),
        (b'{"a":1}{"a":1}', "json_unreadable"),
        (b'{"a":1} // x', "json_unreadable"),
        (b'{"a":"\x00"}', "json_unreadable"),
        (b'{"a":"\n"}', "json_unreadable"),
        (b'{"a":"\\u0000"}', "nul"),
        (b'{"a\\u0000":1}', "nul"),
        (b'{"a":["x",{"b":"y\\u0000z"}]}', "nul"),
        (b'{"a":1,"\\u0061":2}', "duplicate_name"),
        (b'{"a" \n:1,"a"\t:2}', "duplicate_name"),
        (b'{"x":{"a":1,"a":{"b":1,"c":2}}}', "duplicate_name"),
        (b'{"a":1,"a":":"}', "duplicate_name"),
        (b"[" * 65 + b"]" * 65, "json_too_deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "json_too_deep"),
        (b"[" * 1000 + b"]" * 1000, "json_too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "json_unreadable"),
        (b"[" * 100_000, "json_unreadable"),
    ],
)
def test_each_way_of_being_unreadable_has_its_code(raw: bytes, code: str) -> None:
    assert [found for _, found in refused(raw)] == [code]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"\\\\u0000"}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":":","b":"\\":"}',
        b"[" * 64 + b"]" * 64,
        b'{"a":"\\u0001\\u001f\\u007f"}',
        b" \t\r\n{}\r\n",
        b'{"a":1e300}',
        b'{"a":99999999999999999999}',
    ],
)
def test_what_json_allows_and_nobody_misreads_is_read(raw: bytes) -> None:
    assert refused(raw) == []


@pytest.mark.parametrize("raw", [b'{"a":1e400}', b'{"a":-1e999}', b'{"a":' + b"9" * 5000 + b"}"])
def test_numbers_beyond_every_type_are_refused_or_no_number_of_a_contract(raw: bytes) -> None:
    """They never become text, zero or a crash: the contract refuses what is left of them."""
    codes = [code for _, code in refused(raw)]
    if not codes:
        (unit,) = read(ONE, raw, 1)
        assert not isinstance(unit.record["a"], int)
    else:
        assert codes == ["json_unreadable"]


def test_the_place_of_a_nul_is_pointed_at_and_its_text_is_not_shown() -> None:
    raw = b'{"ok":1}\n{"a":["x",{"b/c":"secret\\u0000"}]}'
    assert refused(raw, MANY) == [("/1/a/1/b~1c", "nul")]


@pytest.mark.parametrize(
    ("raw", "records"),
    [
        (b'{"a":1}\n{"a":2}', 2),
        (b'{"a":1}\n{"a":2}\n', 2),
        (b'{"a":1}\r\n{"a":2}\r\n', 2),
        (b'\n\n{"a":1}\n  \n\t\r\n{"a":2}\n\n', 2),
        (b'{"a":1}', 1),
        (b'  {"a":1}  ', 1),
    ],
)
def test_blank_lines_and_line_ends_of_ndjson_do_not_count(raw: bytes, records: int) -> None:
    for media in (MANY, "application/ndjson", "application/jsonl"):
        found = read(media, raw, 10)
        assert [unit.at for unit in found] == [f"/{index}" for index in range(records)]


def test_every_unreadable_line_is_named_by_its_index_among_the_records() -> None:
    raw = b'{"a":1}\n\nnope\n{"a":1,"a":2}\n{"a":3}\n{'
    assert refused(raw, MANY) == [
        ("/1", "json_unreadable"),
        ("/2", "duplicate_name"),
        ("/4", "json_unreadable"),
    ]


@pytest.mark.parametrize("raw", [b"", b"\n", b" \r\n\t\n"])
def test_a_body_without_a_record_is_empty(raw: bytes) -> None:
    with pytest.raises(BodyEmpty):
        read(MANY, raw, 10)


def test_a_record_has_a_size_and_its_neighbours_are_not_blamed() -> None:
    """What is parsed is many times larger than its text, so the text is bounded first."""
    large = b'{"a":"' + b"x" * LARGEST_RECORD + b'"}'
    assert refused(large) == [("", "record_too_large")]
    assert refused(b"{}\n" + large + b"\n{}", MANY) == [("/1", "record_too_large")]
    exact = b'{"a":"' + b"x" * (LARGEST_RECORD - 8) + b'"}'
    assert len(exact) == LARGEST_RECORD
    assert refused(exact) == []


def test_the_limit_of_records_is_inclusive_and_looked_at_before_parsing() -> None:
    assert len(read(MANY, b"{}\n" * 10, 10)) == 10
    with pytest.raises(TooManyRecords):
        read(MANY, b"not json\n" * 11, 10)


@pytest.mark.parametrize("media", ["", "text/plain", "application/xml", "application/json2", "*/*"])
def test_another_media_type_is_refused(media: str) -> None:
    with pytest.raises(Unsupported):
        read(media, b"{}", 10)


def test_fifty_thousand_members_are_read_in_no_time() -> None:
    """The look for repeated names is linear, also where it has to look twice."""
    raw = orjson.dumps({f"k{n}": ":" for n in range(50_000)})
    assert refused(raw) == []
