"""The validator: a valid record passes, each way of being invalid has its code and pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ingest.admission import Compiled
from shared.ingest.contracts import Contract, Field, FieldType, parse, shipped
from shared.ingest.schema import example
from shared.ingest.shape import REASONS, pointer

CONTRACTS = shipped()
COMPILED = {name: Compiled(contract) for name, contract in CONTRACTS.items()}
DEPENDENT = {
    *("extended_amount", "extended_price", "total_labor", "total_parts", "grand_total"),
    *("goods_amount", "tax_amount", "tip_amount", "fee_amount", "cashback_amount"),
}
"""Amounts that a rule compares with others."""
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT = st.text(CHARACTERS, max_size=12)
PLAIN: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.DECIMAL: st.integers(0, 10**10).map(lambda n: f"{n // 100}.{n % 100:02}")
    | st.integers(0, 10**6),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.DATE: st.dates().map(lambda day: day.isoformat()),
    FieldType.INSTANT: st.dates(min_value=date(2, 1, 1)).map(lambda day: f"{day}T08:15:00.5+01:00"),
}


def value_of(contract: Contract, field: Field) -> st.SearchStrategy[Any]:
    """Anything that a field takes."""
    if field.type is FieldType.TEXT:
        return text_of(field)
    if field.type is FieldType.INTEGER:
        return st.integers(
            -(2**53) + 1 if field.minimum is None else field.minimum,
            2**53 - 1 if field.maximum is None else field.maximum,
        )
    if field.type is FieldType.ENUM:
        return st.sampled_from(field.values)
    if field.type is FieldType.LIST:
        inner = members(contract, contract.shapes[field.of or ""])
        return st.lists(inner, min_size=field.min_items, max_size=max(field.min_items, 2))
    return PLAIN[field.type]


def text_of(field: Field) -> st.SearchStrategy[str]:
    """Any text of a field, short ones."""
    if field.pattern:
        return st.from_regex(field.pattern, fullmatch=True).filter(
            lambda text: text.isascii() and 0 < len(text) <= field.max_length
        )
    low = max(field.min_length, 1 if field.required else 0)
    return st.text(CHARACTERS, min_size=low, max_size=min(field.max_length, low + 12))


def members(contract: Contract, fields: Mapping[str, Field]) -> st.SearchStrategy[dict[str, Any]]:
    """Records of some fields; amounts that depend on each other are left to the arithmetic."""
    names = [name for name in fields if name not in DEPENDENT]
    return st.fixed_dictionaries(
        {n: value_of(contract, fields[n]) for n in names if fields[n].required},
        optional={
            n: st.none() | value_of(contract, fields[n]) for n in names if not fields[n].required
        },
    ).map(numbered)


def numbered(record: dict[str, Any]) -> dict[str, Any]:
    """Lines counted from one, as the contract wants them."""
    for value in record.values():
        if isinstance(value, list):
            for index, line in enumerate(value, start=1):
                line["line_number"] = index
    return record


RECORDS = st.sampled_from(sorted(CONTRACTS)).flatmap(
    lambda name: st.tuples(st.just(name), members(CONTRACTS[name], CONTRACTS[name].fields))
)


@settings(deadline=None, max_examples=60)
@given(RECORDS)
def test_a_valid_record_passes_and_its_normal_form_is_a_fixed_point(made) -> None:
    """Design 4: deterministic; what was normalised once normalises to itself."""
    name, record = made
    found, items = COMPILED[name].check(orjson.loads(orjson.dumps(record)))
    assert items == ()
    again, _ = COMPILED[name].check(found)
    assert again == found
    assert None not in found.values()


WRONG: dict[FieldType, list[tuple[Any, str]]] = {
    FieldType.TEXT: [(5, "type_text"), (True, "type_text"), ([], "type_text"), ({}, "type_text")],
    FieldType.INTEGER: [
        ("5", "type_integer"),
        (1.5, "type_integer"),
        (1.0, "type_integer"),
        (True, "type_integer"),
        (2**53, "above_maximum"),
        (10**40, "above_maximum"),
        (-(10**40), "below_minimum"),
    ],
    FieldType.DECIMAL: [
        ("", "type_decimal"),
        ("1,5", "type_decimal"),
        ("1.", "type_decimal"),
        (".5", "type_decimal"),
        ("+1", "type_decimal"),
        ("01", "type_decimal"),
        ("1e3", "type_decimal"),
        ("NaN", "type_decimal"),
        (" 1", "type_decimal"),
        ("1\n", "type_decimal"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "type_decimal"),
        ("1" * 16, "type_decimal"),
        (10**16, "type_decimal"),
        (1e300, "type_decimal"),
        (True, "type_decimal"),
        ([], "type_decimal"),
        ("1.234", "scale"),
        (1.234, "scale"),
        ("-1", "below_minimum"),
        (-0.5, "below_minimum"),
    ],
    FieldType.BOOLEAN: [(1, "type_boolean"), ("true", "type_boolean"), ([], "type_boolean")],
    FieldType.DATE: [
        ("2026-02-30", "type_date"),
        ("2026-1-1", "type_date"),
        ("20260101", "type_date"),
        ("0000-01-01", "type_date"),
        ("2026-01-01T00:00:00Z", "type_date"),
        ("2026-01-01\n", "type_date"),
        ("\N{ARABIC-INDIC DIGIT TWO}026-01-01", "type_date"),
        (20260101, "type_text"),
    ],
    FieldType.INSTANT: [
        ("2026-01-01", "type_instant"),
        ("2026-01-01T00:00:00", "type_instant"),
        ("2026-01-01 00:00:00Z", "type_instant"),
        ("2026-01-01T24:00:00Z", "type_instant"),
        ("2026-01-01T00:00:60Z", "type_instant"),
        ("2026-01-01T00:00:00.1234567Z", "type_instant"),
        ("2026-01-01T00:00:00+25:00", "type_instant"),
        ("2026-13-01T00:00:00Z", "type_instant"),
        ("0001-01-01T00:00:00+12:00", "type_instant"),
        ("9999-12-31T23:59:59-12:00", "type_instant"),
        ("2026-01-01T00:00:00Z\n", "type_instant"),
        (0, "type_text"),
    ],
    FieldType.ENUM: [("none of them", "not_one_of"), (1, "not_one_of"), ("", "not_one_of")],
    FieldType.LIST: [("x", "type_list"), ({}, "type_list"), (5, "type_list")],
}


def complete(contract: Contract, fields) -> dict[str, Any]:
    """A record with every field that can be there, in the plainest valid form."""
    plain = {
        FieldType.TEXT: "A1BCDEFGHJK",
        FieldType.INTEGER: 2000,
        FieldType.DECIMAL: "1.00",
        FieldType.BOOLEAN: True,
        FieldType.DATE: "2026-01-01",
        FieldType.INSTANT: "2026-01-01T00:00:00Z",
    }
    told = example(contract)
    record: dict[str, Any] = {}
    for name, field in fields.items():
        if field.type is FieldType.ENUM:
            record[name] = field.values[0]
        elif field.pattern and name in told:
            record[name] = told[name]
        elif field.type is FieldType.LIST:
            record[name] = [complete(contract, contract.shapes[field.of])]
        else:
            record[name] = plain[field.type]
    if "line_number" in record:
        record["line_number"] = 1
    if "grand_total" in record:
        record |= {"total_discount": "4.00", "grand_total": "1.00"}
    if "cashback_amount" in record:
        record["amount"] = "4.00"
    return record


def places(contract: Contract) -> list[tuple[tuple[str | int, ...], Field]]:
    found: list[tuple[tuple[str | int, ...], Field]] = []

    def walk(fields, path: tuple[str | int, ...]) -> None:
        for name, field in fields.items():
            found.append(((*path, name), field))
            if field.type is FieldType.LIST:
                walk(contract.shapes[field.of], (*path, name, 0))

    walk(contract.fields, ())
    return found


def changed(record: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    record = deepcopy(record)
    target: Any = record
    for step in path[:-1]:
        target = target[step]
    if value is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return record


def beyond(field: Field, here: Any) -> Iterator[tuple[Any, str | None]]:
    """What is just outside of a field's own bounds; ``None`` leaves the code open."""
    if field.required:
        yield from ((..., "field_required"), (None, None))
    if field.type is FieldType.TEXT:
        yield "x" * (field.max_length + 1), "too_long"
        if field.pattern:
            yield from (("<", "pattern"), ("A\n", "pattern"), ("", None))
        elif field.required or field.min_length:
            yield "", "too_short"
    if field.minimum is not None and field.type is FieldType.INTEGER:
        yield field.minimum - 1, "below_minimum"
    if field.maximum is not None and field.type is FieldType.INTEGER:
        yield field.maximum + 1, "above_maximum"
    if field.type is FieldType.LIST:
        yield from (([5], None), ([None], None), ([here[0]] * (field.max_items + 1), "too_many"))
        if field.min_items:
            yield [], "too_few"


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_single_wrong_value_has_its_code_and_its_pointer(name: str) -> None:
    """Every field of every contract with every wrong value of its type, one at a time."""
    contract, compiled = CONTRACTS[name], COMPILED[name]
    good = complete(contract, contract.fields)
    assert compiled.check(good)[1] == ()
    wrong = []
    for path, field in places(contract):
        cases = [*WRONG[field.type], *beyond(field, good[path[0]])]
        for value, code in cases:
            _, items = compiled.check(changed(good, path, value))
            told = [(item.pointer, item.code) for item in items]
            here = [c for p, c in told if p.startswith(pointer(path))]
            if not here or (code is not None and (pointer(path), code) not in told):
                wrong.append((pointer(path), str(value)[:20], code, told[:2]))
            if not all(c in REASONS for _, c in told if c != "index_gap"):
                wrong.append((pointer(path), "undocumented", told[:2]))
    assert wrong == []


@pytest.mark.parametrize("record", [None, 5, "x", [], [{}], True, 1.5])
def test_what_is_no_object_is_refused_at_its_root(record: Any) -> None:
    for compiled in COMPILED.values():
        _, items = compiled.check(record)
        assert [(item.pointer, item.code) for item in items] == [("", "type_object")]


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        ("1", "1.00"),
        (1, "1.00"),
        (1.0, "1.00"),
        ("1.5", "1.50"),
        (1.5, "1.50"),
        ("1.500000", "1.50"),
        (0, "0.00"),
        ("-0", "0.00"),
        (-0.0, "0.00"),
        ("-0.00", "0.00"),
        (999999999999999, "999999999999999.00"),
    ],
)
def test_an_amount_has_one_normal_form(value: Any, normal: str) -> None:
    contract = CONTRACTS["repair-order.v2"]
    record = complete(contract, contract.fields)
    for total in ("grand_total", "total_tax", "total_labor", "total_parts", "total_discount"):
        record.pop(total)
    found, items = COMPILED[contract.name].check({**record, "total_tax": value})
    assert items == ()
    assert found["total_tax"] == normal


BOUNDED = """
title = "B"
event_class = "b"
event_id = ["id"]
event_time = "at"
dedupe_scope = "tenant"
partition_key = ["id"]
partitioning_profile = "p.v1"
[fields]
id = { class = "deterministic", type = "text", required = true }
at = { class = "deterministic", type = "date", required = true }
some = { class = "deterministic", type = "decimal", scale = 2, minimum = -5, maximum = 10 }
whole = { class = "deterministic", type = "decimal", scale = 0 }
"""


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("10", None),
        ("10.00", None),
        ("10.01", "above_maximum"),
        (10.5, "above_maximum"),
        ("11", "above_maximum"),
        ("-5", None),
        ("-5.01", "below_minimum"),
        ("-5.5", "below_minimum"),
        ("-0.5", None),
        ("0.5", None),
    ],
)
def test_the_bounds_of_a_decimal_count_its_fraction(value: Any, code: str | None) -> None:
    compiled = Compiled(parse("b.v1", BOUNDED))
    _, items = compiled.check({"id": "x", "at": "2026-01-01", "some": value})
    assert [item.code for item in items] == ([code] if code else [])


@pytest.mark.parametrize(("value", "normal"), [("5", "5"), (5, "5"), ("5.0", "5"), ("-3", "-3")])
def test_a_decimal_without_a_fraction_stays_whole(value: Any, normal: str) -> None:
    compiled = Compiled(parse("b.v1", BOUNDED))
    found, _ = compiled.check({"id": "x", "at": "2026-01-01", "whole": value})
    assert found["whole"] == normal


@settings(deadline=None, max_examples=60)
@given(TEXT.filter(lambda name: name not in CONTRACTS["vehicle-complaint.v1"].fields))
def test_an_unknown_member_is_one_problem_wherever_it_stands(name: str) -> None:
    contract = CONTRACTS["repair-order.v2"]
    good = complete(contract, contract.fields)
    if name in contract.fields or name in contract.shapes["labor_line"]:
        return
    for path in ((name,), ("labor_lines", 0, name)):
        _, items = COMPILED[contract.name].check(changed(good, path, 1))
        assert [item.code for item in items] == ["field_unknown"]
        assert items[0].pointer in {pointer(path), pointer(path[:-1])}
