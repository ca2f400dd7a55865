"""Which HTTP function answers a method and a path."""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING
from urllib.parse import unquote

from local.host.engine import EngineError
from local.host.route_templates import Segment, Template, TemplateError, parse
from local.host.triggers import Function, HTTPTrigger

if TYPE_CHECKING:
    from collections.abc import Iterable

# How many leading literal segments narrow the candidates before templates are tried in order.
_DEPTH = 3


class Routes:
    """The HTTP functions in the order in which the real host tries them."""

    def __init__(self, functions: Iterable[Function], prefix: str) -> None:
        entries: list[tuple[Template, Function]] = []
        for function in functions:
            if isinstance(trigger := function.trigger, HTTPTrigger):
                text = "/".join(part for part in (prefix, trigger.route) if part)
                try:
                    entries.append((parse(text), function))
                except TemplateError as error:
                    raise EngineError(f"function {function.name}: {error}") from error
        self._entries = sorted(entries, key=lambda entry: _ORDER(entry[0]))
        self._literals = [
            {
                literal
                for template, _ in entries
                for segment in template.segments[depth : depth + 1]
                if (literal := segment.literal) is not None
            }
            for depth in range(_DEPTH)
        ]
        self._candidates: dict[tuple[str, ...], list[tuple[Template, Function]]] = {}

    def find(self, method: str, raw_path: str) -> tuple[Function, dict[str, str]] | None:
        """The function and its route values; None for an unknown path *or* another method."""
        # One trailing slash is ignored; an empty segment elsewhere matches nothing.
        trimmed = raw_path[1:].removesuffix("/")
        path = trimmed.split("/") if trimmed else []
        if "%" in raw_path:
            path = [_decode(segment) for segment in path]
        for template, function in self._candidates_for(method, path):
            values = template.match(path)
            if values is not None:
                return function, values
        return None

    def _candidates_for(self, method: str, path: list[str]) -> list[tuple[Template, Function]]:
        # Keys hold known literals only, so strangers' paths cannot grow the dictionary.
        key = (
            method if method in _KNOWN_METHODS else "",
            *(
                lowered if (lowered := segment.lower()) in literals else "\0"
                for segment, literals in zip(path, self._literals, strict=False)
            ),
        )
        found = self._candidates.get(key)
        if found is None:
            found = self._candidates[key] = [
                (template, function)
                for template, function in self._entries
                if isinstance(function.trigger, HTTPTrigger)
                and method in function.trigger.methods
                and all(
                    segment.literal is None or segment.literal == part
                    for segment, part in zip(template.segments, key[1:], strict=False)
                )
            ]
        return found


_KNOWN_METHODS = {"GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS", "TRACE", "CONNECT"}


def _decode(segment: str) -> str:
    """Percent-decode; an encoded slash stays encoded, as in ASP.NET."""
    if "%2f" in segment.lower():
        return "%2F".join(unquote(part) for part in segment.replace("%2f", "%2F").split("%2F"))
    return unquote(segment)


def _specificity(x: Template, y: Template) -> int:
    """The order of WebJobsRouteBuilder: literals before parameters, longer before shorter."""
    for a, b in zip(x.segments, y.segments, strict=False):
        order = _segment_order(a, b)
        if order:
            return order
    return len(y.segments) - len(x.segments)


_ORDER = cmp_to_key(_specificity)


def _segment_order(a: Segment, b: Segment) -> int:
    a_is_parameter = a.literal is None and a.starts_with_parameter
    b_is_parameter = b.literal is None and b.starts_with_parameter
    if a_is_parameter != b_is_parameter:
        return 1 if a_is_parameter else -1
    if a_is_parameter:
        return len(b.parameters[0].constraints) - len(a.parameters[0].constraints)
    # Other text orders alphabetically, which decides nothing but keeps the order total.
    a_text, b_text = a.literal or "", b.literal or ""
    return (a_text > b_text) - (a_text < b_text)
