"""Small documents that say what to do: a body or a query that fits a model, or what is wrong where.

What a caller sent is never repeated: a problem names members of the model alone, and an unknown
member is pointed at by the object that it stands in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from shared.kernel.errors import Invalid, Item, Malformed, Oversized, Unsupported
from shared.kernel.inbound import JSON, Request

LARGEST = 65_536
"""Bytes of a command; records are what is large, and they are no commands."""

_UNFIT = ("value_unfit", "the value does not fit")
_CODES = {
    "missing": ("field_required", "the field is required"),
    "extra_forbidden": ("field_unknown", "there is no such field"),
}
REASONS = dict((*_CODES.values(), _UNFIT))
"""Every reason code of a command, with its text."""


class CommandUnreadable(Malformed):
    """The body is not one JSON object whose member names are unique."""

    code = "ops.command_unreadable"
    title = "The body cannot be read as a JSON object"


class CommandUnfit(Invalid):
    """A member of the body, or a query parameter, is missing, unknown or out of range."""

    code = "ops.command_unfit"
    title = "The request does not have the form that this route takes"


def read[T: BaseModel](model: type[T], request: Request) -> T:
    """Return the command in a body.

    Raises `Unsupported`, `Oversized`, `CommandUnreadable`, and `CommandUnfit` with places.
    """
    if request.media_type != JSON:
        raise Unsupported("Send application/json")
    if len(request.body) > LARGEST:
        raise Oversized(f"At most {LARGEST} bytes fit in this request")
    try:
        json.loads(request.body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise CommandUnreadable from None
    try:
        return model.model_validate_json(request.body)
    except ValidationError as error:
        raise CommandUnfit(items=tuple(_items(error))) from None


def read_query[T: BaseModel](model: type[T], query: Mapping[str, str]) -> T:
    """Return query parameters as a model; a pointer names the parameter. Raises `CommandUnfit`."""
    try:
        return model.model_validate_strings(dict(query))
    except ValidationError as error:
        raise CommandUnfit(items=tuple(_items(error))) from None


def _items(error: ValidationError) -> Iterator[Item]:
    problems: list[Any] = list(
        error.errors(include_url=False, include_context=False, include_input=False)
    )
    for problem in problems:
        path = problem["loc"]
        code, message = _CODES.get(problem["type"], _UNFIT)
        if problem["type"] == "extra_forbidden":
            # Its name is the caller's, and may be a value in the wrong place.
            path = path[:-1]
        yield Item("".join(f"/{step}" for step in path), code, message)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
