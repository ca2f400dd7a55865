"""Rules between fields: products, sums and counted lines, to a cent (000-B).

Every amount is text with two digits after the point, so arithmetic is on whole hundredths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shared.kernel.errors import Item

type Rule = Callable[[Mapping[str, Any]], Iterator[Item]]

REASONS = {
    "product_differs": "the amount is not the product of its factors, to a cent",
    "sum_differs": "the amount is not the sum of its parts, to a cent",
    "index_gap": "line numbers must run from 1 without a gap",
}
_CENT = 1
_CENT_SQUARED = 100
"""One hundredth, in the unit of a product of two hundredths."""


def compile_rules(rules: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return the rules of a contract, ready to run on a normalised record."""
    return tuple(_KINDS[rule["kind"]](rule) for rule in rules)


def _hundredths(text: str) -> int:
    return int(text.replace(".", ""))


def _lines(record: Mapping[str, Any], within: Sequence[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the lines of a record with their JSON Pointers; field names need no escaping."""
    found = [("", record)]
    for name in within:
        found = [
            (f"{at}/{name}/{index}", line)
            for at, parent in found
            for index, line in enumerate(parent.get(name, ()))
        ]
    return found


def _product(rule: Mapping[str, Any]) -> Rule:
    target, (left, right), within = rule["target"], rule["factors"], rule["within"]

    def check(record: Mapping[str, Any]) -> Iterator[Item]:
        for at, line in _lines(record, within):
            if target in line and left in line and right in line:
                product = _hundredths(line[left]) * _hundredths(line[right])
                if abs(_hundredths(line[target]) * 100 - product) > _CENT_SQUARED:
                    yield _item(f"{at}/{target}", "product_differs")

    return check


def _sum_of_lines(rule: Mapping[str, Any]) -> Rule:
    target, within, name = rule["target"], rule["within"], rule["field"]

    def check(record: Mapping[str, Any]) -> Iterator[Item]:
        if target not in record:
            return
        lines = [line for _, line in _lines(record, within)]
        if all(name in line for line in lines):
            total = sum(_hundredths(line[name]) for line in lines)
            if abs(_hundredths(record[target]) - total) > _CENT:
                yield _item(f"/{target}", "sum_differs")

    return check


def _sum(rule: Mapping[str, Any]) -> Rule:
    target, plus, minus = rule["target"], rule["plus"], rule["minus"]

    def check(record: Mapping[str, Any]) -> Iterator[Item]:
        if target not in record or not any(name in record for name in plus):
            return
        total = sum(_hundredths(record[name]) for name in plus if name in record)
        total -= sum(_hundredths(record[name]) for name in minus if name in record)
        if abs(_hundredths(record[target]) - total) > _CENT:
            yield _item(f"/{target}", "sum_differs")

    return check


def _counted(rule: Mapping[str, Any]) -> Rule:
    *parents, last = rule["within"]
    name = rule["field"]

    def check(record: Mapping[str, Any]) -> Iterator[Item]:
        for at, parent in _lines(record, parents):
            for index, line in enumerate(parent.get(last, ())):
                if line.get(name) != index + 1:
                    yield _item(f"{at}/{last}/{index}/{name}", "index_gap")

    return check


def _item(at: str, code: str) -> Item:
    return Item(at, code, REASONS[code])


_KINDS: dict[str, Callable[[Mapping[str, Any]], Rule]] = {
    "product": _product,
    "sum_of_lines": _sum_of_lines,
    "sum": _sum,
    "counted": _counted,
}
