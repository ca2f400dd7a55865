"""Rules between fields, to a cent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ingest.admission import Compiled
from shared.ingest.contracts import shipped
from tests.support.factories import an_order

ORDER = Compiled(shipped()["repair-order.v2"])


def problems(record) -> list[tuple[str, str]]:
    _, items = ORDER.check(record)
    return [(item.pointer, item.code) for item in items]


def with_line(**line):
    order = an_order(1)
    for total in ("total_labor", "total_parts", "total_tax", "grand_total"):
        del order[total]
    return {**order, "labor_lines": [{"line_number": 1, **line}]}


@pytest.mark.parametrize(
    ("hours", "rate", "amount", "holds"),
    [
        ("1.50", "120.00", "180.00", True),
        (1.5, 120, 180, True),
        ("1.50", "120.00", "180.01", True),
        ("1.50", "120.00", "179.99", True),
        ("1.50", "120.00", "180.02", False),
        ("1.50", "120.00", "179.98", False),
        ("0.33", "99.99", "33.00", True),
        ("0.33", "99.99", "32.98", False),
        ("0.00", "120.00", "0.01", True),
        ("0.00", "120.00", "0.02", False),
        ("0.01", "0.01", "0.00", True),
        ("9999999.99", "9999999.99", "99999999800000.00", True),
        ("9999999.99", "9999999.99", "99999999800000.02", False),
    ],
)
def test_a_product_holds_to_a_cent(hours, rate, amount, *, holds: bool) -> None:
    """000-B: labour extended = hours x rate."""
    found = problems(with_line(actual_hours=hours, rate=rate, extended_amount=amount))
    assert found == ([] if holds else [("/labor_lines/0/extended_amount", "product_differs")])


@pytest.mark.parametrize("missing", ["actual_hours", "rate", "extended_amount"])
def test_a_rule_with_a_field_missing_says_nothing(missing: str) -> None:
    line = {"actual_hours": 1, "rate": 1, "extended_amount": 500}
    del line[missing]
    assert problems(with_line(**line)) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"total_labor": "180.01"}, []),
        ({"total_labor": "180.02"}, ["/total_labor", "/grand_total"]),
        ({"total_parts": "64.97"}, ["/total_parts", "/grand_total"]),
        ({"grand_total": "264.96"}, []),
        ({"grand_total": "264.97"}, ["/grand_total"]),
        ({"total_discount": "5.00"}, ["/grand_total"]),
        ({"total_discount": "5.00", "grand_total": "259.95"}, []),
        ({"total_shop_fees": "1.10", "total_environmental_fees": "2", "grand_total": 268.05}, []),
        ({"total_tax": None, "grand_total": "244.95"}, []),
        ({"total_labor": None, "total_parts": None, "total_tax": None}, []),
        ({"grand_total": None}, []),
    ],
)
def test_totals_reconcile_to_a_cent(changes, found: list[str]) -> None:
    assert [pointer for pointer, _ in problems(an_order(1, **changes))] == found


def test_a_total_of_parts_that_are_nowhere_differs() -> None:
    order = an_order(1)
    del order["labor_lines"][0]["part_lines"]
    assert ("/total_parts", "sum_differs") in problems(order)


def test_a_total_waits_until_every_line_has_its_amount() -> None:
    order = an_order(1)
    order["labor_lines"].append({"line_number": 2})
    assert problems(order) == []


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [([1], []), ([1, 2, 3], []), ([2], [0]), ([1, 3], [1]), ([1, 1], [1]), ([2, 1], [0, 1])],
)
def test_lines_are_numbered_from_one_without_a_gap(numbers: list[int], gaps: list[int]) -> None:
    """000-B INDEX_GAP, on labour lines and on the parts of each."""
    lines = [{"line_number": number} for number in numbers]
    expected = [(f"/labor_lines/{gap}/line_number", "index_gap") for gap in gaps]
    assert problems({**with_line(), "labor_lines": lines}) == expected
    parts = [(f"/labor_lines/0/part_lines/{gap}/line_number", "index_gap") for gap in gaps]
    assert problems(with_line(part_lines=lines)) == parts


CENTS = st.integers(0, 10**6)


def text(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


@settings(deadline=None, max_examples=100)
@given(st.lists(CENTS, min_size=1, max_size=5), CENTS, CENTS, CENTS, st.integers(-3, 3))
def test_sums_are_exact_whatever_the_amounts(
    amounts: list[int], parts: int, tax: int, discount: int, off: int
) -> None:
    """No float comes near a cent: off by one passes, off by two never does."""
    labor = sum(amounts)
    grand = labor + parts + tax - discount + off
    if grand < 0:
        return
    lines = [
        {"line_number": n, "extended_amount": text(amount)}
        for n, amount in enumerate(amounts, start=1)
    ]
    lines[0]["part_lines"] = [{"line_number": 1, "extended_price": text(parts)}]
    record = an_order(
        1,
        labor_lines=lines,
        total_labor=text(labor),
        total_parts=text(parts),
        total_tax=text(tax),
        total_discount=text(discount),
        grand_total=text(grand),
    )
    expected = [("/grand_total", "sum_differs")] if abs(off) > 1 else []
    assert problems(record) == expected
