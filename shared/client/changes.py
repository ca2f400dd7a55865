"""How a rule changes a value: its keys read and checked, into `steps` in their one order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.client import moments, steps
from shared.client.rows import Unmappable
from shared.client.sections import Path, Problems, near
from shared.client.steps import Step
from shared.ingest.contracts import Field, FieldType

_CUTS = {
    "before": (True, False),
    "before_last": (True, True),
    "after": (False, False),
    "after_last": (False, True),
}
CHANGES = (
    "trim",
    *_CUTS,
    "number",
    "upper",
    "lower",
    "map",
    "otherwise",
    "date",
    "instant",
    "max_length",
)
_EMPTY = (None, "")


def changes(section: Mapping[str, Any], field: Field, path: Path, problems: Problems) -> list[Step]:
    """Return the steps that a rule asks for, ending in the field's type."""
    return [*_steps(section, field, path, problems), *_last(section, field, path, problems)]


def _steps(section: Mapping[str, Any], field: Field, path: Path, problems: Problems) -> list[Step]:
    found: list[Step] = []
    found += _changes(section, {"trim": str.strip}, path, problems)
    for name, (keep_before, last) in _CUTS.items():
        if name in section and (mark := problems.text(section[name], (*path, name))):
            found.append(steps.cut(mark, keep_before=keep_before, last=last))
    if "number" in section:
        found += _number(section["number"], (*path, "number"), problems)
    found += _changes(section, {"upper": str.upper, "lower": str.lower}, path, problems)
    if "map" in section:
        found += _table(section, field, path, problems)
    elif "otherwise" in section:
        problems.add((*path, "otherwise"), "key_misplaced", "goes with map")
    for name, wanted in (("date", FieldType.DATE), ("instant", FieldType.INSTANT)):
        if name not in section:
            continue
        if field.type not in (wanted, FieldType.TEXT):
            told = f"fills a field of type {wanted}; this one is {field.type}"
            problems.add((*path, name), "field_type", told)
        found += _moment(name, section[name], (*path, name), problems)
    return found


def _changes(
    section: Mapping[str, Any],
    changes: Mapping[str, Callable[[str], str]],
    path: Path,
    problems: Problems,
) -> list[Step]:
    return [
        steps.text_step(change)
        for name, change in changes.items()
        if name in section and problems.flag(section[name], (*path, name))
    ]


def _last(section: Mapping[str, Any], field: Field, path: Path, problems: Problems) -> list[Step]:
    found: list[Step] = [steps.COERCIONS[field.type]]
    if "max_length" in section:
        at = (*path, "max_length")
        if field.type is not FieldType.TEXT:
            problems.add(at, "field_type", f"cuts text; this field is {field.type}")
        length = problems.whole(section["max_length"], at, 1, field.max_length)
        found.append(steps.text_step(lambda text: text[:length]))
    return found


def _number(value: object, path: Path, problems: Problems) -> list[Step]:
    if value is True:
        return [steps.number(".", ",", "")]
    section = problems.section(value, path)
    if section is None:
        return []
    marks = {"decimal": ".", "thousands": "", "strip": ""}
    problems.known(section, path, marks)
    for name in marks.keys() & section.keys():
        marks[name] = problems.text(section[name], (*path, name)) or marks[name]
    if marks["decimal"] == marks["thousands"]:
        problems.add(path, "number_marks", "decimal and thousands are the same mark")
    return [steps.number(**marks)]


def _table(section: Mapping[str, Any], field: Field, path: Path, problems: Problems) -> list[Step]:
    entries = problems.section(section["map"], (*path, "map"))
    if entries is None:
        return []
    made = {
        key: _fixed_or_none(value, field, (*path, "map", key), problems)
        for key, value in entries.items()
    }
    if "otherwise" not in section:
        return [steps.table(made)]
    at = (*path, "otherwise")
    return [steps.table(made, _fixed_or_none(section["otherwise"], field, at, problems))]


def _moment(kind: str, value: object, path: Path, problems: Problems) -> list[Step]:
    section = {"formats": value} if isinstance(value, (str, list)) else value
    found = problems.section(section, path)
    if found is None:
        return []
    problems.known(found, path, ("formats", "zone") if kind == "instant" else ("formats",))
    forms = problems.texts(found.get("formats", moments.ISO), (*path, "formats"))
    for form in forms:
        if not moments.is_format(form) or (kind == "date" and form not in ("iso", *_dated(form))):
            told = "is no format: iso, epoch_seconds, epoch_milliseconds or strptime's, with a year"
            problems.add((*path, "formats"), "format", told)
    if kind == "date":
        return [moments.dates(forms)]
    zone = None
    if "zone" in found and (name := problems.text(found["zone"], (*path, "zone"))):
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            problems.add((*path, "zone"), "zone", "is no time zone, such as Europe/Paris")
    elif any(moments.needs_zone(form) for form in forms):
        told = "a format without %z needs a zone, such as zone: UTC"
        problems.add(path, "zone", told)
    return [moments.instants(forms, zone)]


def _dated(form: str) -> tuple[str, ...]:
    return () if form in moments.KEYWORDS else (form,)


def _fixed_or_none(value: object, field: Field, path: Path, problems: Problems) -> object:
    """Return a value of a table, where ``null`` leaves the field out."""
    return None if value is None else fixed(value, field, path, problems)


def fixed(value: object, field: Field, path: Path, problems: Problems) -> object:
    """Return a value that the mapping itself names, once it fits the field."""
    try:
        found = steps.COERCIONS[field.type](value)
    except Unmappable:
        found = None
    if found in _EMPTY:
        problems.add(path, "value_unfit", f"does not fit the field, which is {field.type}")
    elif field.type is FieldType.ENUM and found not in field.values:
        told = f"is none of the field's values{near(str(found), field.values)}"
        problems.add(path, "value_unfit", told)
    elif field.type is FieldType.DATE and not moments.is_date(str(found)):
        problems.add(path, "value_unfit", "is no date such as 2026-11-21")
    return found
