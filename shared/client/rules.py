"""Rules: how one field of the contract gets its value. Compiled and checked before any row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared.client import sources, steps
from shared.client.changes import CHANGES, changes, fixed
from shared.client.rows import Unmappable
from shared.client.sections import Path, Problems, near
from shared.client.sources import Read
from shared.client.steps import Step
from shared.ingest.contracts import Contract, Field, FieldType

_SOURCES = ("from", "const", "template", "join", "digest_of", "each")
_COMPANIONS = {"with": "join", "prefix": "digest_of", "length": "digest_of", "fields": "each"}
KEYS = (*_SOURCES, *_COMPANIONS, *CHANGES, "default")
_SHORTEST_DIGEST = 16
_WHOLE_DIGEST = 64


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field gets its value."""

    name: str
    read: Read
    steps: tuple[Step, ...]
    default: object = None

    def value(self, row: Mapping[str, Any]) -> object:
        """Return the field's value, ``None`` for none. Raises `Unmappable`."""
        found = self.read(row)
        for step in self.steps:
            if found is None or found == "":
                break
            found = step(found)
        return self.default if found is None or found == "" else found


@dataclass(frozen=True, slots=True)
class Target:
    """The fields that rules may fill: those of a contract, or of one of its shapes."""

    contract: Contract
    fields: Mapping[str, Field]


def rules(
    section: Mapping[str, Any], target: Target, path: Path, problems: Problems
) -> tuple[Rule, ...]:
    """Read a ``fields`` section; a required field without a rule is a problem."""
    found = []
    for name, entry in section.items():
        at = (*path, name)
        field = target.fields.get(name)
        if field is None:
            told = f"the contract has no such field{near(name, target.fields)}"
            problems.add(at, "field_unknown", told)
        elif (rule := _rule(entry, field, target, at, problems)) is not None:
            found.append(rule)
    for name, field in target.fields.items():
        if field.required and name not in section:
            problems.add((*path, name), "field_required", "the contract requires this field")
    return tuple(found)


def straight(contract: Contract) -> tuple[Rule, ...]:
    """Return the rules of no mapping: each column is the field of its name."""
    return tuple(
        Rule(name, sources.first_of((name,)), (steps.COERCIONS[field.type],))
        for name, field in contract.fields.items()
        if field.type is not FieldType.LIST
    )


def apply(found: Sequence[Rule], row: Mapping[str, Any]) -> dict[str, object]:
    """Return the record of a row, without fields that have no value. Raises `Unmappable`."""
    record: dict[str, object] = {}
    for rule in found:
        try:
            value = rule.value(row)
        except Unmappable as error:
            raise Unmappable(error.code, f"/{rule.name}{error.pointer}") from None
        if value is not None:
            record[rule.name] = value
    return record


def _rule(
    entry: object, field: Field, target: Target, path: Path, problems: Problems
) -> Rule | None:
    if isinstance(entry, str):
        entry = {"from": entry}
    section = problems.section(entry, path)
    if section is None:
        return None
    problems.known(section, path, KEYS)
    given = [name for name in _SOURCES if name in section]
    if len(given) != 1:
        problems.add(path, "one_of", f"needs exactly one of {', '.join(_SOURCES)}")
        return None
    for companion, of in _COMPANIONS.items():
        if companion in section and of not in given:
            problems.add((*path, companion), "key_misplaced", f"goes with {of}")
    if (field.type is FieldType.LIST) != (given == ["each"]):
        told = "each fills a list of lines, and nothing else does"
        problems.add((*path, given[0]), "field_type", told)
        return None
    if field.type is FieldType.LIST:
        return _lines(section, field, target, path, problems)
    read = _read(given[0], section, field, path, problems)
    made = changes(section, field, path, problems)
    at = (*path, "default")
    default = fixed(section["default"], field, at, problems) if "default" in section else None
    return Rule(field.name, read, tuple(made), default)


def _read(
    kind: str, section: Mapping[str, Any], field: Field, path: Path, problems: Problems
) -> Read:
    at, value = (*path, kind), section[kind]
    if kind == "const":
        return sources.constant(fixed(value, field, at, problems))
    if kind == "template":
        text = problems.text(value, at) or ""
        if sources.slots(text) is None:
            problems.add(at, "template", "its braces do not fit; write {column}")
        for column in sources.slots(text) or ():
            problems.ask(path, column)
        return sources.template(text)
    columns = problems.texts(value, at)
    if kind == "from":
        # A list of columns is a choice: one of them will do.
        problems.ask(path, *columns)
        return sources.first_of(columns)
    for column in columns:
        problems.ask(path, column)
    if kind == "join":
        between = section.get("with", " ")
        if not isinstance(between, str):
            problems.add((*path, "with"), "text_expected", "must be text")
        return sources.joined(columns, str(between))
    given = section.get("length", 32)
    length = problems.whole(given, (*path, "length"), _SHORTEST_DIGEST, _WHOLE_DIGEST)
    prefix = problems.text(section["prefix"], (*path, "prefix")) if "prefix" in section else ""
    return sources.digest_of_columns(columns, prefix or "", length or _WHOLE_DIGEST)


def _lines(
    section: Mapping[str, Any], field: Field, target: Target, path: Path, problems: Problems
) -> Rule | None:
    for name in section.keys() - {"each", "fields"}:
        if name in KEYS:
            problems.add((*path, name), "key_misplaced", "does not go with each")
    column = problems.text(section["each"], (*path, "each"))
    inner = problems.section(section.get("fields"), (*path, "fields"))
    if column is None or inner is None:
        return None
    shape = target.contract.shapes[field.of or ""]
    problems.ask(path, column)
    since = len(problems.asks)
    below = rules(inner, Target(target.contract, shape), (*path, "fields"), problems)
    problems.ask_within(column, since)
    return Rule(field.name, partial(sources.look_up, path=column), (_each(below),))


def _each(below: Sequence[Rule]) -> Callable[[object], object]:
    def step(value: object) -> object:
        if not isinstance(value, list) or not all(isinstance(line, dict) for line in value):
            raise Unmappable("value_not_list")
        made = []
        for index, line in enumerate(value):
            try:
                made.append(apply(below, line))
            except Unmappable as error:
                raise Unmappable(error.code, f"/{index}{error.pointer}") from None
        return made

    return step
