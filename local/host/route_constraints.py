"""The inline route constraints of ASP.NET Core (`int`, `min(1)`, `regex(...)`, ...)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime

type Constraint = Callable[[str], bool]

_CALL = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_INT, _LONG = 31, 63


def constraint(text: str) -> Constraint:
    """The check that `text` names; raises ValueError for one ASP.NET does not know."""
    match = _CALL.fullmatch(text)
    if match is None or (make := _KNOWN.get(match[1].lower())) is None:
        raise ValueError(f"unknown route constraint {text!r}")
    return make(match[2] or "")


def _integer(bits: int) -> Callable[[str], Constraint]:
    limit = 2**bits

    def check(value: str) -> bool:
        return bool(_INTEGER.fullmatch(value)) and -limit <= int(value) < limit

    return lambda _: check


def _pattern(pattern: re.Pattern[str]) -> Callable[[str], Constraint]:
    return lambda _: lambda value: pattern.fullmatch(value) is not None


def _parses(parse: Callable[[str], object]) -> Callable[[str], Constraint]:
    def check(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return lambda _: check


def _length(argument: str) -> Constraint:
    low, _, high = argument.partition(",")
    least, most = int(low), int(high or low)
    return lambda value: least <= len(value) <= most


def _min_length(argument: str) -> Constraint:
    least = int(argument)
    return lambda value: len(value) >= least


def _max_length(argument: str) -> Constraint:
    most = int(argument)
    return lambda value: len(value) <= most


def _bounds(least: int, most: int) -> Constraint:
    return lambda value: bool(_INTEGER.fullmatch(value)) and least <= int(value) <= most


def _range(argument: str) -> Constraint:
    low, _, high = argument.partition(",")
    return _bounds(int(low), int(high))


def _regex(argument: str) -> Constraint:
    # ASP.NET searches, ignoring case; it does not anchor the expression.
    pattern = re.compile(argument, re.IGNORECASE)
    return lambda value: pattern.search(value) is not None


_KNOWN: dict[str, Callable[[str], Constraint]] = {
    "int": _integer(_INT),
    "long": _integer(_LONG),
    "bool": lambda _: lambda value: value.lower() in {"true", "false"},
    "datetime": _parses(datetime.fromisoformat),
    "decimal": _pattern(_DECIMAL),
    "double": _pattern(_NUMBER),
    "float": _pattern(_NUMBER),
    "guid": _parses(uuid.UUID),
    "alpha": _pattern(re.compile(r"[a-zA-Z]*")),
    "required": lambda _: bool,
    "length": _length,
    "minlength": _min_length,
    "maxlength": _max_length,
    "min": lambda argument: _bounds(int(argument), 2**_LONG - 1),
    "max": lambda argument: _bounds(-(2**_LONG), int(argument)),
    "range": _range,
    "regex": _regex,
}
