"""ASP.NET route templates: `cases/{id:int}/{part?}/{*rest}`, matched segment by segment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.host.route_constraints import Constraint, constraint

if TYPE_CHECKING:
    from collections.abc import Sequence


class TemplateError(ValueError):
    """A route template that ASP.NET would refuse."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `{name}`; `pattern` is set only where literal text shares its segment."""

    name: str
    constraints: tuple[Constraint, ...]
    default: str | None
    optional: bool
    catch_all: bool

    def accepts(self, value: str) -> bool:
        return all(check(value) for check in self.constraints)


@dataclass(frozen=True, slots=True)
class Segment:
    """One path segment: a literal (lower case), one parameter, or a mixture with a pattern."""

    literal: str | None
    parameters: tuple[Parameter, ...]
    pattern: re.Pattern[str] | None = None
    starts_with_parameter: bool = False


_PARAMETER = re.compile(r"\{((?:[^{}]|\{\{|\}\})*)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed route template."""

    text: str
    segments: tuple[Segment, ...]

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """The route values for these path segments; None when the template does not match.

        Optional parameters without a value are left out, as the Functions host leaves them out.
        """
        values: dict[str, str] = {}
        position = 0
        for segment in self.segments:
            first = segment.parameters[0] if segment.parameters else None
            if first is not None and first.catch_all:
                rest = "/".join(path[position:]) or first.default
                if rest is not None and (not first.accepts(rest)):
                    return None
                if rest:
                    values[first.name] = rest
                return values
            if position >= len(path):
                if first is None or segment.pattern is not None:
                    return None
                if first.default is not None:
                    values[first.name] = first.default
                elif not first.optional:
                    return None
                continue
            if not _matches(segment, path[position], values):
                return None
            position += 1
        return values if position == len(path) else None


def parse(text: str) -> Template:
    """Parse a template; raises TemplateError when braces or constraints are wrong."""
    segments = tuple(_segment(part) for part in _parts(text)) if text else ()
    for segment in segments[:-1]:
        if any(parameter.catch_all for parameter in segment.parameters):
            raise TemplateError(f"{text!r}: a catch-all must come last")
    return Template(text, segments)


def _parts(text: str) -> list[str]:
    """Split at slashes outside braces: a regex constraint may hold one."""
    parts, depth, current = [], 0, ""
    for character in text.strip("/"):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "/" and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    if depth:
        raise TemplateError(f"{text!r}: braces do not match")
    return [*parts, current]


def _segment(part: str) -> Segment:
    if not part:
        raise TemplateError("a route template has no empty segments")
    found = list(_PARAMETER.finditer(part))
    if not found:
        return Segment(literal=part.lower(), parameters=())
    parameters = tuple(_parameter(match[1]) for match in found)
    if len(found) == 1 and found[0].span() == (0, len(part)):
        return Segment(None, parameters, starts_with_parameter=True)
    # Literal text beside parameters, as in `{name}.{ext}`: the earlier parameter takes the most.
    pattern, position = "", 0
    for index, match in enumerate(found):
        pattern += re.escape(part[position : match.start()]) + f"(?P<p{index}>.+)"
        position = match.end()
    pattern += re.escape(part[position:])
    return Segment(
        None,
        parameters,
        re.compile(pattern, re.IGNORECASE),
        starts_with_parameter=found[0].start() == 0,
    )


def _parameter(text: str) -> Parameter:
    text = text.replace("{{", "{").replace("}}", "}")
    catch_all = text.startswith("*")
    name, *rest = _constraint_parts(text.lstrip("*"))
    default = None
    optional = False
    last = rest[-1] if rest else name
    if "=" in last and "(" not in last.split("=", 1)[0]:
        last, default = last.split("=", 1)
    elif last.endswith("?"):
        last, optional = last[:-1], True
    if rest:
        rest[-1] = last
    else:
        name = last
    if not name:
        raise TemplateError("a route parameter needs a name")
    try:
        constraints = tuple(constraint(item) for item in rest)
    except ValueError as error:
        raise TemplateError(str(error)) from error
    return Parameter(name, constraints, default, optional, catch_all)


def _constraint_parts(text: str) -> list[str]:
    """Split `id:int:min(1)` at colons outside parentheses."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ":" and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def _matches(segment: Segment, value: str, values: dict[str, str]) -> bool:
    """Match one segment and add what it captured to `values`."""
    if segment.literal is not None:
        return segment.literal == value.lower()
    if not value:
        return False
    if segment.pattern is None:
        captured: tuple[str, ...] = (value,)
    else:
        match = segment.pattern.fullmatch(value)
        if match is None:
            return False
        captured = match.groups()
    for parameter, text in zip(segment.parameters, captured, strict=True):
        if not parameter.accepts(text):
            return False
        values[parameter.name] = text
    return True
