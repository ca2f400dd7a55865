"""Mapping files: what each rule makes of a value, and that a wrong file is refused whole."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.client.errors import MappingInvalid
from shared.client.mapping import none_for, parse
from shared.client.reading import Format
from shared.client.rows import Row, Unmappable
from shared.client.rules import KEYS
from shared.ingest.contracts import named
from shared.ingest.contracts import parse as parse_contract
from tests.support.factories import an_order

PROJECT = Path(__file__).resolve().parents[3]
CONTRACT = parse_contract(
    "sample.v1",
    """
title = "A sample"
event_class = "sample"
event_id = ["id"]
event_time = "on"
dedupe_scope = "tenant"
partition_key = ["id"]
partitioning_profile = "p.v1"
[fields]
id     = { class = "deterministic", type = "text", required = true, max_length = 64 }
on     = { class = "deterministic", type = "date", required = true }
at     = { class = "deterministic", type = "instant" }
count  = { class = "deterministic", type = "integer" }
amount = { class = "deterministic", type = "decimal", scale = 2 }
kind   = { class = "deterministic", type = "enum", values = ["open", "shut"] }
flag   = { class = "deterministic", type = "boolean" }
text   = { class = "deterministic", type = "text", max_length = 20 }
lines  = { class = "deterministic", type = "list", of = "line" }
[shapes.line]
part   = { class = "deterministic", type = "text", required = true }
number = { class = "deterministic", type = "integer" }
""",
)
REQUIRED = "  id: {const: x}\n  on: {const: '2026-01-01'}\n"


def mapping(fields: str, more: str = ""):
    return parse(f"{textwrap.dedent(more)}\nfields:\n{REQUIRED}  {fields}\n", CONTRACT)


def made(fields: str, more: str = "", **row: object):
    body = mapping(fields, more).record(Row(0, 1, row))
    return None if body is None else orjson.loads(body)


def problems(text: str) -> set[tuple[str, str]]:
    with pytest.raises(MappingInvalid) as told:
        parse(textwrap.dedent(text), CONTRACT)
    return {(item.pointer, item.code) for item in told.value.items}


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        ("text: A", {"A": "x"}, "x"),
        ("text: A.b.1", {"A": {"b": [1, "y"]}}, "y"),
        ("text: A.b", {"A.b": "dotted", "A": {"b": "nested"}}, "dotted"),
        ("text: {from: [A, B]}", {"A": "", "B": "b"}, "b"),
        ("text: {from: A, default: d}", {"A": None}, "d"),
        ("text: {from: A, default: d}", {}, "d"),
        ("text: {from: A, trim: true, default: d}", {"A": "  "}, "d"),
        ("text: {const: 12}", {}, "12"),
        ("text: {template: '{A}-{B.c}'}", {"A": 1, "B": {"c": True}}, "1-true"),
        ("text: {template: '{A}-{B}', default: d}", {"A": 1}, "d"),
        ("text: {join: [A, B, C], with: '+'}", {"A": "a", "B": ["b", 2], "C": None}, "a+b+2"),
        ("text: {from: A, upper: true, trim: true}", {"A": " äb "}, "ÄB"),
        ("text: {from: A, lower: true}", {"A": "ÄB"}, "äb"),
        ("text: {from: A, before_last: v}", {"A": "MS.v.7v10"}, "MS.v.7"),
        ("text: {from: A, before: v}", {"A": "1v2v3"}, "1"),
        ("text: {from: A, after: v}", {"A": "1v2v3"}, "2v3"),
        ("text: {from: A, after_last: v}", {"A": "none"}, "none"),
        ("text: {from: A, max_length: 3}", {"A": "abcdef"}, "abc"),
        ("kind: {from: A, map: {Yes: open, no: shut}}", {"A": "no"}, "shut"),
        ("kind: {from: A, map: {true: open}}", {"A": True}, "open"),
        ("kind: {from: A, map: {1: open}, otherwise: shut}", {"A": 2}, "shut"),
        ("kind: {from: A, map: {a: open}, otherwise: null, default: shut}", {"A": "x"}, "shut"),
        ("kind: {from: A, lower: true, map: {a: open}}", {"A": "A"}, "open"),
        ("count: A", {"A": "7"}, 7),
        ("count: A", {"A": "7.0"}, 7),
        ("count: A", {"A": 7}, 7),
        ("amount: A", {"A": 1.5}, 1.5),
        ("amount: A", {"A": "1.50"}, "1.50"),
        (
            "amount: {from: A, number: {decimal: ',', thousands: '.', strip: €}}",
            {"A": "-1.234,50 €"},
            "-1234.50",
        ),
        ("amount: {from: A, number: true}", {"A": "+1,234.5"}, "1234.5"),
        ("count: {from: A, number: {thousands: ' '}}", {"A": "1 234"}, 1234),
        ("flag: A", {"A": "TRUE"}, True),
        ("flag: {from: A, map: {ja: true, nein: false}}", {"A": "nein"}, False),
        ("on: {from: A, date: '%d.%m.%Y'}", {"A": "19.02.2024"}, "2024-02-19"),
        ("on: {from: A, date: ['%d.%m.%Y', iso]}", {"A": "2024-02-19T23:00:00Z"}, "2024-02-19"),
        (
            "at: {from: A, instant: iso}",
            {"A": "2026-04-25T23:03:10.7894395+02:00"},
            "2026-04-25T21:03:10.789439Z",
        ),
        (
            "at: {from: A, instant: {formats: '%d.%m.%Y %H:%M', zone: Europe/Paris}}",
            {"A": "01.07.2024 12:00"},
            "2024-07-01T10:00:00.000000Z",
        ),
        ("at: {from: A, instant: epoch_seconds}", {"A": 0}, "1970-01-01T00:00:00.000000Z"),
        (
            "at: {from: A, instant: epoch_milliseconds}",
            {"A": "-1"},
            "1969-12-31T23:59:59.999000Z",
        ),
        (
            "lines: {each: L, fields: {part: p, number: n}}",
            {"L": [{"p": "a", "n": "1"}, {"p": "b"}]},
            [{"part": "a", "number": 1}, {"part": "b"}],
        ),
    ],
)
def test_a_rule_makes(rule, row, expected) -> None:
    name = rule.partition(":")[0]
    text = f"fields:\n{REQUIRED if name != 'on' else '  id: {const: x}'}\n  {rule}\n"
    assert orjson.loads(parse(text, CONTRACT).record(Row(0, 1, row)))[name] == expected


@pytest.mark.parametrize(
    ("rule", "row", "code", "pointer"),
    [
        ("text: A", {"A": {"b": 1}}, "value_not_text", "/text"),
        ("count: A", {"A": "7.5"}, "value_not_integer", "/count"),
        ("count: A", {"A": True}, "value_not_integer", "/count"),
        (
            "amount: {from: A, number: {decimal: ','}}",
            {"A": "1.2,3"},
            "value_not_number",
            "/amount",
        ),
        ("flag: A", {"A": "yes"}, "value_not_boolean", "/flag"),
        ("kind: {from: A, map: {a: open}}", {"A": "b"}, "value_not_mapped", "/kind"),
        ("at: {from: A, instant: iso}", {"A": "2024-01-01T00:00:00"}, "value_without_zone", "/at"),
        ("at: {from: A, instant: iso}", {"A": "soon"}, "value_not_instant", "/at"),
        ("text: {from: A, date: '%Y%m%d'}", {"A": "2024"}, "value_not_date", "/text"),
        ("lines: {each: L, fields: {part: p}}", {"L": "x"}, "value_not_list", "/lines"),
        (
            "lines: {each: L, fields: {part: p, number: n}}",
            {"L": [{"p": "a"}, {"p": "a", "n": "x"}]},
            "value_not_integer",
            "/lines/1/number",
        ),
        ("text: A", {"A": "\ud800"}, "value_not_sendable", ""),
    ],
)
def test_a_value_that_does_not_fit_is_told_by_place_and_code(rule, row, code, pointer) -> None:
    with pytest.raises(Unmappable) as told:
        made(rule, **row)
    assert (told.value.code, told.value.pointer) == (code, pointer)
    assert "Quastenflosser" not in str(told.value)


@pytest.mark.parametrize(
    ("filters", "row", "kept"),
    [
        ("only_if: {from: A, in: [x, 1]}", {"A": 1}, True),
        ("only_if: {from: A, in: [x, 1]}", {"A": "y"}, False),
        ("only_if: {from: A, in: [x]}", {"A": {"x": 1}}, False),
        ("only_if: [{from: A, equals: x}, {from: B, empty: false}]", {"A": "x", "B": ""}, False),
        ("drop_if: [{from: A, equals: x}, {from: B, empty: true}]", {"A": "z", "B": "b"}, True),
        ("drop_if: [{from: A, equals: x}, {from: B, empty: true}]", {"A": "z"}, False),
    ],
)
def test_filters_choose_rows(filters, row, kept) -> None:
    body = mapping("count: {const: 1}", filters).record(Row(0, 1, row))
    assert (body is not None) is kept


columns = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.text() | st.integers() | st.lists(st.text()), max_size=3
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(row=columns, other=columns)
def test_a_digest_names_the_same_columns_the_same_and_others_otherwise(row, other) -> None:
    """A synthetic event id is stable across re-deliveries, whatever the order of columns."""
    found = parse(
        "fields:\n  id: {digest_of: [a, b, c], prefix: n-, default: none}\n"
        "  on: {const: '2026-01-01'}\n",
        CONTRACT,
    )

    def name(value):
        return orjson.loads(found.record(Row(0, 1, value)))["id"]

    def plain(value):
        return [str(value.get(key)) if value.get(key) not in (None, "") else "" for key in "abc"]

    shuffled = dict(reversed(row.items()))
    try:
        made_of = name(row)
    except Unmappable:
        return  # text that is not Unicode has no name
    assert name(shuffled) == made_of
    try:
        second = name(other)
    except Unmappable:
        return
    if plain(row) != plain(other):
        assert second != made_of


def test_every_problem_is_told_at_once() -> None:
    found = problems(
        """
        contract: other.v1
        sauce: 1
        source: {format: xls, encoding: klingon, delimiter: ";;", quote: 1}
        only_if: {from: x, equal: 1}
        drop_if: [{from: x, in: y}, {from: x, empty: 1}]
        fields:
          idd: A
          text: {from: a, const: b}
          kind: {from: r, map: {a: opne}, otherwise: 3}
          at: {from: o, instant: {formats: ["%d.%m.%Y"], zone: Mars/Olympus}}
          on: {from: o, date: "%H:%M", lenght: 3}
          count: {template: "{a", max_length: 3}
          amount: {from: x, number: {decimal: ",", thousands: ","}, otherwise: 1, with: x}
          flag: {const: maybe}
          lines: {from: L}
        """
    )
    assert found == {
        ("/contract", "contract"),
        ("/sauce", "key_unknown"),
        ("/source/format", "format"),
        ("/source/encoding", "encoding"),
        ("/source/delimiter", "delimiter"),
        ("/source/quote", "text_expected"),
        ("/only_if/equal", "key_unknown"),
        ("/only_if", "one_of"),
        ("/drop_if/0/in", "list_expected"),
        ("/drop_if/1/empty", "flag_expected"),
        ("/fields/idd", "field_unknown"),
        ("/fields/id", "field_required"),
        ("/fields/text", "one_of"),
        ("/fields/kind/map/a", "value_unfit"),
        ("/fields/kind/otherwise", "value_unfit"),
        ("/fields/at/instant/zone", "zone"),
        ("/fields/on/lenght", "key_unknown"),
        ("/fields/on/date/formats", "format"),
        ("/fields/count/template", "template"),
        ("/fields/count/max_length", "field_type"),
        ("/fields/amount/number", "number_marks"),
        ("/fields/amount/otherwise", "key_misplaced"),
        ("/fields/amount/with", "key_misplaced"),
        ("/fields/flag/const", "value_unfit"),
        ("/fields/lines/from", "field_type"),
    }


@pytest.mark.parametrize(
    "text",
    ["fields: {a: 1, a: 2}", "fields: &x {}\nb: *x", "fields: [", "3", "", "!!python/name:os.x {}"],
)
def test_what_is_no_plain_yaml_is_refused(text) -> None:
    with pytest.raises(MappingInvalid):
        parse(text, CONTRACT)


def test_words_that_yaml_guesses_at_stay_words() -> None:
    """YAML 1.1 reads no, on, 012 and dates as something else."""
    rule = "text: {from: A, map: {no: 'n', on: o, 012: twelve, 2024-01-02: day}}"
    assert [made(rule, A=word)["text"] for word in ("no", "on", "012", "2024-01-02")] == [
        "n",
        "o",
        "twelve",
        "day",
    ]


def test_the_same_mapping_has_the_same_digest_and_another_has_another() -> None:
    one, other = mapping("text: A"), mapping("text: B")
    assert one.digest == mapping("text: A # said why").digest
    assert one.digest != other.digest


def test_without_a_mapping_json_goes_out_byte_for_byte() -> None:
    raw = b'{"a":1.50,"a":2}'
    assert none_for(CONTRACT, Format.NDJSON).record(Row(0, 1, {"a": 2}, raw)) == raw


def test_without_a_mapping_columns_are_fields_of_their_type() -> None:
    row = {"id": "x", "count": "7", "flag": "true", "amount": "1.50", "text": ""}
    body = none_for(CONTRACT, Format.CSV).record(Row(0, 1, row))
    assert orjson.loads(body) == {"id": "x", "count": 7, "flag": True, "amount": "1.50"}


def test_without_a_mapping_a_column_that_is_no_field_is_not_lost_in_silence() -> None:
    body = none_for(CONTRACT, Format.CSV).record(Row(0, 1, {"id": "x", "cuont": "7", "b": ""}))
    assert orjson.loads(body) == {"id": "x", "cuont": "7"}


def examples() -> list[tuple[str, str]]:
    """Every mapping that the documentation shows."""
    page = (PROJECT / "docs" / "client.md").read_text()
    shown = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    folder = PROJECT / "docs" / "examples" / "mappings"
    return [("client.md", shown[0])] + [(f.name, f.read_text()) for f in folder.glob("*.yaml")]


@pytest.mark.parametrize(("name", "text"), examples(), ids=lambda value: value[:20])
def test_a_mapping_that_is_shown_is_valid(name, text) -> None:
    assert parse(text, named("finding.v1")).rules


def test_every_key_of_a_rule_is_described() -> None:
    page = (PROJECT / "docs" / "client.md").read_text()
    assert [key for key in KEYS if f"`{key}`" not in page] == []


def test_a_real_contract_with_lines_in_lines_can_be_mapped() -> None:
    from shared.ingest.shape import Shape

    order = an_order()
    contract = named("repair-order.v2")

    def same(fields):
        return {name: name for name in fields}

    labor = contract.shapes[contract.fields["labor_lines"].of]
    parts = contract.shapes[labor["part_lines"].of]
    flat = same(n for n in order if n != "labor_lines")
    lines = same(n for n in labor if n != "part_lines")
    lines["part_lines"] = {"each": "part_lines", "fields": same(parts)}
    text = orjson.dumps(
        {"fields": {**flat, "labor_lines": {"each": "labor_lines", "fields": lines}}}
    ).decode()

    record = orjson.loads(parse(text, contract).record(Row(0, 1, order)))

    assert Shape(contract).check(record) == Shape(contract).check(order)
