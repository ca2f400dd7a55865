"""Which rows become records: ``only_if`` and ``drop_if``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.client.sections import Path, Problems
from shared.client.sources import as_text, look_up

type Test = Callable[[Mapping[str, Any]], bool]

_TESTS = ("equals", "in", "empty")
_EMPTY: tuple[object, ...] = (None, "", [], {})


def conditions(value: object, path: Path, problems: Problems) -> tuple[Test, ...]:
    """Read a condition, or a list of them."""
    listed = value if isinstance(value, list) else [value]
    found = []
    for index, entry in enumerate(listed):
        at = (*path, index) if isinstance(value, list) else path
        section = problems.section(entry, at)
        if section is not None and (test := _condition(section, at, problems)) is not None:
            found.append(test)
    return tuple(found)


def _condition(section: Mapping[str, Any], path: Path, problems: Problems) -> Test | None:
    problems.known(section, path, ("from", *_TESTS))
    column = problems.text(section.get("from"), (*path, "from"))
    problems.ask(path, column)
    given = [name for name in _TESTS if name in section]
    if len(given) != 1:
        problems.add(path, "one_of", f"needs exactly one of {', '.join(_TESTS)}")
    if column is None or len(given) != 1:
        return None
    [kind] = given
    wanted = section[kind]
    if kind == "empty":
        wish = problems.flag(wanted, (*path, kind))
        return lambda row: (look_up(row, column) in _EMPTY) is wish
    if kind == "in" and not isinstance(wanted, list):
        problems.add((*path, kind), "list_expected", "must be a list of values")
        return None
    values = frozenset(_spelled(one) for one in (wanted if kind == "in" else [wanted]))
    return lambda row: _spelled(look_up(row, column)) in values


def _spelled(value: object) -> str:
    """Return a value as it is compared: as text; what is no scalar equals nothing."""
    if isinstance(value, (dict, list)):
        return "\0"
    return as_text(value) or ""
