"""What the pages look up in the code: rooms, docstrings, permissions and who asks for them."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import functions
import shared

PROJECT = Path(__file__).resolve().parents[2]


@cache
def modules() -> tuple[ModuleType, ...]:
    """Import every module of the product and return them by name."""
    names = [
        found.name
        for package in (shared, functions)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.name.endswith("__main__")
    ]
    return tuple(import_module(name) for name in sorted(names))


def room_of(thing: type) -> str:
    """Return the room in which something is declared."""
    parts = thing.__module__.split(".")
    return parts[1] if parts[0] == "shared" else parts[0]


def meaning_of(thing: type) -> str:
    """Return the first paragraph of a docstring of its own as one line."""
    doc = inspect.cleandoc(thing.__dict__.get("__doc__") or "")
    return " ".join(doc.partition("\n\n")[0].split())


@cache
def permissions() -> dict[str, tuple[str, str]]:
    """Return every declared permission with its module and its name there."""
    found: dict[str, tuple[str, str]] = {}
    for module in modules():
        kind = module.__dict__.get("Permission")
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            if kind.__module__ != module.__name__:
                continue
            for member in kind:
                found[member.value] = (module.__name__, member.name)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Demand:
    """A place that asks for a permission."""

    permission: str
    where: str
    meaning: str


@cache
def demands() -> tuple[Demand, ...]:
    """Return every service method that demands a permission, with what it does."""
    return tuple(
        found
        for module in modules()
        if module.__name__.startswith("shared.")
        for found in _demands(module)
    )


def _demands(module: ModuleType) -> Iterator[Demand]:
    for scope, function in _functions(ast.parse(inspect.getsource(module))):
        for call in ast.walk(function):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
                continue
            if call.func.id == "demand" and len(call.args) > 1:
                told = (ast.get_docstring(function) or "").partition("\n")[0]
                where = f"{scope}.{function.name}" if scope else function.name
                yield Demand(_value(module, call.args[1]), where, told)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield "", node
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield node.name, inner


def _value(module: ModuleType, expression: ast.expr) -> str:
    """Follow a dotted name, such as ``vocabulary.Permission.RECORD_SUBMIT``, to its value."""
    value: object = sys.modules[module.__name__]
    for step in ast.unparse(expression).split("."):
        value = getattr(value, step)
    return str(value)
