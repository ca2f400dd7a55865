"""CloudEvents: the record comes out of a good envelope, and every broken one is refused."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ingest import cloudevents
from shared.ingest.cloudevents import REASONS, data_of, place_of
from shared.kernel.errors import Item

MINIMAL = {"specversion": "1.0", "id": "1", "type": "a.b", "source": "/x"}
RECORD = {"odi_number": 1}
GOOD = {**MINIMAL, "data": RECORD}


def parse(raw: bytes) -> tuple[Any, Item | None]:
    try:
        return orjson.loads(raw), None
    except orjson.JSONDecodeError:
        return None, Item("/inner", "json_unreadable", "no")


def codes(event: object) -> list[tuple[str, str]]:
    return [(item.pointer, item.code) for item in data_of(event, parse)[1]]


# forms --------------------------------------------------------------------------------------------

TAKEN: dict[str, list[Any]] = {
    "id": ["x", " ", "é", "\N{GRINNING FACE}"],
    "type": ["x"],
    "subject": ["x", None, "Zoë Müller"],
    "source": [
        *("https://x.example/a?b=c&d#e", "mailto:a@b.example", "urn:uuid:6e8bc430-9c3a-11d9"),
        *(
            "1-555-123-4567",
            "a/b:c",
            "./a:b",
            "#",
            "?",
            "//h:80/p",
            "//h:/p",
            "//[::1]:80",
            "a%20b",
        ),
        *(
            "//u:p@h/",
            "//[v1.a:b]/",
            "x:",
            "x://",
            "/",
            "tag:x,2026:y",
            "//",
            "http://ex.example:/",
        ),
    ],
    "time": [
        *("2018-04-05T17:31:00Z", "2018-04-05t17:31:00z", "2018-04-05T17:31:00.000000000Z"),
        *("2018-04-05T17:31:00-00:00", "2018-04-05T17:31:00+23:59", "0000-01-01T00:00:00Z"),
        *("2024-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "9999-12-31T23:59:59-23:59"),
        *("2016-12-31T23:59:60Z", "2017-01-01T08:59:60+09:00", "2016-12-31T15:59:60.5-08:00"),
        *("1990-06-30T23:59:60Z", "2024-02-29T23:59:60Z", None),
    ],
    "dataschema": ["https://x.example/s", "urn:a:b", "x:", "https://x.example/s#/$defs/a", None],
    "datacontenttype": [
        *("application/json", "APPLICATION/JSON", "text/json", "application/vnd.x+json", None),
        *("application/json; charset=utf-8", 'application/json;a="b;c\\"d" ; e=f', "a/b.c+JSON"),
    ],
    "extension": ["", "x", True, False, 0, -(2**31), 2**31 - 1, None, "TWE="],
    "a": ["x"],
    "x9": ["x"],
    "9": ["x"],
    "morethantwentycharacters": ["x"],
}
REFUSED: dict[str, tuple[str, list[Any]]] = {
    "id": (cloudevents.TYPE, [1, True, [], {}, 1.5]),
    "type": (cloudevents.EMPTY, [""]),
    "subject": (cloudevents.CHARACTER, ["a\nb", "\x7f", "\x85", "\ufdd0", "\uffff", "\U0010fffe"]),
    "specversion": (cloudevents.VERSION, ["1.0.2", "1", "0.3", "1.0 ", "2.0", "v1.0"]),
    "source": (
        cloudevents.SOURCE,
        [
            *(
                "a b",
                "ü",
                "a%2",
                "a%zz",
                "1:b",
                ":",
                ":a",
                "<x>",
                "a|b",
                "x{y}",
                "a\\b",
                "[",
                "a^b",
            ),
            *("//h:8a", "//[::1", "//[x]", "//[::1%25a]", "//[::1%a]", "//a@b@c", "//h]", "#a#b"),
            *("http://[1.2.3.4]/", "`", '"', "//[::1]x"),
        ],
    ),
    "time": (
        cloudevents.TIME,
        [
            *("2018-04-05", "2018-04-05T17:31Z", "2018-04-05T17:31:00", "2018-04-05 17:31:00Z"),
            *("2018-13-05T17:31:00Z", "2018-00-05T17:31:00Z", "2018-02-29T17:31:00Z"),
            *("2018-04-31T17:31:00Z", "2018-04-00T17:31:00Z", "1900-02-29T00:00:00Z"),
            *("2018-04-05T24:00:00Z", "2018-04-05T17:60:00Z", "2018-04-05T17:31:61Z"),
            *("2018-04-05T17:31:60Z", "2016-12-31T23:59:60+01:00", "2016-12-30T23:59:60Z"),
            *("2018-04-05T17:31:00.Z", "2018-04-05T17:31:00,5Z", "2018-04-05T17:31:00+0100"),
            *("2018-04-05T17:31:00+24:00", "2018-04-05T17:31:00+01:60", "2018-04-05T17:31:00+01"),
            *(
                "18-04-05T17:31:00Z",
                "2018-4-5T17:31:00Z",
                "2018-04-05T17:31:00ZZ",
                "20180405T173100Z",
            ),
            *("2018-04-05T17:31:00UTC", "\u0662018-04-05T17:31:00Z", " 2018-04-05T17:31:00Z"),
            *("2018-W14-4T17:31:00Z", "2018-095T17:31:00Z", "-2018-04-05T17:31:00Z", "now"),
        ],
    ),
    "dataschema": (cloudevents.SCHEMA, ["a", "/a", "//h/a", "#a", "1:b", "http://a b"]),
    "datacontenttype": (
        cloudevents.CONTENT_TYPE,
        [
            *(
                "json",
                "/json",
                "application/",
                "a/b/c",
                "a b/c",
                "a/b;",
                "a/b;c",
                "a/b;c=",
                "a/b;=d",
            ),
            *('a/b;c="d', "a/b c", "application/json, text/plain", " a/b", "ä/b", "a/b;c=d e"),
        ],
    ),
    "extension": (cloudevents.TYPE, [1.5, 1.0, 2**31, -(2**31) - 1, 2**63, [], {}, [1], {"a": 1}]),
    "Extension": (cloudevents.NAME, ["x", 1, None]),
    "my_extension": (cloudevents.NAME, ["x"]),
    "my.extension": (cloudevents.NAME, ["x"]),
    "": (cloudevents.NAME, ["x"]),
    "é": (cloudevents.NAME, ["x"]),
    "٣": (cloudevents.NAME, ["x"]),
    "data_base": (cloudevents.NAME, ["x"]),
    "ext\n": (cloudevents.NAME, ["x"]),
}
TAKEN_CASES = [(name, value) for name, values in TAKEN.items() for value in values]
REFUSED_CASES = [
    (name, value, code) for name, (code, values) in REFUSED.items() for value in values
] + [
    *((name, None, cloudevents.MISSING) for name in MINIMAL),
    *((name, "", cloudevents.EMPTY) for name in (*MINIMAL, "time", "dataschema", "subject")),
]


@pytest.mark.parametrize(("name", "value"), TAKEN_CASES)
def test_a_value_that_the_specification_allows_is_taken(name: str, value: Any) -> None:
    assert data_of({**GOOD, name: value}, parse) == (RECORD, ())


@pytest.mark.parametrize(("name", "value", "code"), REFUSED_CASES)
def test_a_value_that_the_specification_forbids_is_refused(
    name: str, value: Any, code: str
) -> None:
    record, items = data_of({**GOOD, name: value}, parse)
    assert record is None
    assert [item.code for item in items] == [code]


@pytest.mark.parametrize("event", [None, [], [GOOD], "x", 1, True])
def test_what_is_no_object_is_no_event(event: object) -> None:
    assert codes(event) == [("", cloudevents.NOT_AN_OBJECT)]


# data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, ("/data", cloudevents.DATA_MISSING)),
        ({"data": None}, ("/data", cloudevents.DATA_MISSING)),
        ({"data_base64": None}, ("/data", cloudevents.DATA_MISSING)),
        ({"data_base64": "bnVsbA=="}, ("/data_base64", cloudevents.DATA_MISSING)),
        ({"data": 1, "data_base64": "e30="}, ("/data_base64", cloudevents.DATA_TWICE)),
        ({"data": None, "data_base64": "e30="}, ("/data_base64", cloudevents.DATA_TWICE)),
        ({"data_base64": "e30"}, ("/data_base64", cloudevents.ENCODING)),
        ({"data_base64": "e30=\n"}, ("/data_base64", cloudevents.ENCODING)),
        ({"data_base64": "e3 0="}, ("/data_base64", cloudevents.ENCODING)),
        ({"data_base64": "e31="}, ("/data_base64", cloudevents.ENCODING)),
        ({"data_base64": "e30=="}, ("/data_base64", cloudevents.ENCODING)),
        ({"data_base64": "_-8="}, ("/data_base64", cloudevents.ENCODING)),
        ({"data_base64": "é30="}, ("/data_base64", cloudevents.ENCODING)),
        ({"data_base64": {}}, ("/data_base64", cloudevents.ENCODING)),
        ({"data_base64": 5}, ("/data_base64", cloudevents.ENCODING)),
        ({"data_base64": ""}, ("/data_base64", "json_unreadable")),
        ({"data_base64": "ew=="}, ("/data_base64", "json_unreadable")),
        ({"data": {}, "datacontenttype": "text/plain"}, ("/datacontenttype", cloudevents.NOT_JSON)),
        (
            {"data": "<x/>", "datacontenttype": "application/xml"},
            ("/datacontenttype", cloudevents.NOT_JSON),
        ),
        (
            {"data_base64": "e30=", "datacontenttype": "application/jsonl"},
            ("/datacontenttype", cloudevents.NOT_JSON),
        ),
    ],
)
def test_an_event_without_a_record_in_json_is_refused(
    changes: dict[str, Any], found: tuple[str, str]
) -> None:
    """A pointer names the place in the event, never one inside of encoded text."""
    assert codes({**MINIMAL, **changes}) == [found]


def test_every_problem_is_told_and_no_value_is_repeated() -> None:
    event = {"id": "", "time": "Wilhelmine", "wilhelmine 4711": 1, "qzx4711": 1.5, "data": 1}
    record, items = data_of(event, parse)
    assert record is None
    assert [(item.pointer, item.code) for item in items] == [
        ("/source", cloudevents.MISSING),
        ("/specversion", cloudevents.MISSING),
        ("/type", cloudevents.MISSING),
        ("/id", cloudevents.EMPTY),
        ("/time", cloudevents.TIME),
        ("", cloudevents.NAME),
        ("", cloudevents.TYPE),
    ]
    assert all(item.message == REASONS[item.code] for item in items)


def test_an_envelope_of_nothing_but_problems_is_refused_in_brief() -> None:
    items = data_of({f"X{n}": n for n in range(20_000)}, parse)[1]
    assert len(items) == 51
    assert items[-1].code == cloudevents.MORE


# properties ---------------------------------------------------------------------------------------

LEAVES = st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
RECORDS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
OFFSETS = st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))
MOMENTS = (
    st.datetimes(timezones=OFFSETS)
    .filter(lambda moment: 1 < moment.year < 9999)
    .map(lambda moment: moment.isoformat())
)
WORDS = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(
    lambda name: name != "data" and name not in TAKEN
)
PLAIN = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=20)
ENVELOPES = st.tuples(
    st.fixed_dictionaries(
        {
            "specversion": st.just("1.0"),
            "id": PLAIN,
            "type": PLAIN,
            "source": st.sampled_from([v for v in TAKEN["source"] if v]),
        },
        optional={
            "time": st.none() | MOMENTS,
            "subject": st.none() | PLAIN,
            "dataschema": st.sampled_from(TAKEN["dataschema"]),
            "datacontenttype": st.sampled_from(TAKEN["datacontenttype"]),
        },
    ),
    st.dictionaries(
        WORDS,
        st.none() | PLAIN | st.booleans() | st.integers(-(2**31), 2**31 - 1),
        max_size=4,
    ),
).map(lambda parts: {**parts[1], **parts[0]})


@st.composite
def events(draw) -> tuple[dict[str, Any], Any]:
    envelope, record = draw(ENVELOPES), draw(RECORDS)
    if draw(st.booleans()):
        return {**envelope, "data": record}, record
    text = base64.b64encode(orjson.dumps(record)).decode()
    return {**envelope, "data_base64": text}, record


@settings(deadline=None, max_examples=150)
@given(events())
def test_any_good_envelope_gives_back_its_record(made: tuple[dict[str, Any], Any]) -> None:
    event, record = made
    event = orjson.loads(orjson.dumps(event))
    assert data_of(event, parse) == (record, ())
    assert place_of(event).removeprefix("/") in event


@settings(deadline=None, max_examples=150)
@given(events(), st.sampled_from(REFUSED_CASES))
def test_one_broken_attribute_is_always_refused(
    made: tuple[dict[str, Any], Any], broken: tuple[str, Any, str]
) -> None:
    name, value, code = broken
    record, items = data_of({**made[0], name: value}, parse)
    assert record is None
    assert [item.code for item in items] == [code]


@settings(deadline=None, max_examples=150)
@given(MOMENTS)
def test_a_time_has_one_reading_whatever_its_offset(moment: str) -> None:
    """Every time that Python writes is taken; its UTC form in any number of digits is, too."""
    utc = datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S").zfill(19)
    for text in (moment, utc + "Z", utc + ".123456789012Z"):
        assert codes({**GOOD, "time": text}) == []


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from([*MINIMAL, "time", "data", "data_base64", "x"]), RECORDS))
def test_no_event_raises_and_a_refusal_has_a_known_code(event: dict[str, Any]) -> None:
    record, items = data_of(event, parse)
    assert (record is None) or not items
    assert {item.code for item in items} <= REASONS.keys() | {"json_unreadable"}


LONG = 200_000
HOSTILE = {
    "source": ["a" * LONG + " ", "%20" * LONG + "%", "a:" * LONG, "//" + "a@" * LONG, "/" * LONG],
    "time": ["2018-04-05T17:31:00." + "1" * LONG, "1" * LONG, "2018-04-05T17:31:00Z" * LONG],
    "dataschema": ["a" * LONG, "a:" + "[" * LONG, "//[" + ":" * LONG + "]", "a+" * LONG + "é:"],
    "datacontenttype": [
        *("a/b" + " " * LONG + "x", "a/b" + ";a=b" * LONG + "\n", 'a/b;c="' + "\\" * LONG),
        *("a" * LONG, 'a/b;c="' + "x" * LONG, "a/b" + " ;" * LONG),
    ],
    "subject": [" " * LONG + "\n"],
    "extension": ["x" * LONG + "\0"],
    "data_base64": ["e" * LONG + "!", "=" * LONG],
}


@pytest.mark.parametrize(
    ("name", "index"), [(name, i) for name, values in HOSTILE.items() for i in range(len(values))]
)
def test_long_text_costs_time_in_proportion(name: str, index: int) -> None:
    """Megabytes of a hostile attribute may not hold a worker; quadratic would take minutes."""
    began = time.process_time()
    data_of({**GOOD, name: HOSTILE[name][index]}, parse)
    assert time.process_time() - began < 1
