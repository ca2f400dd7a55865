"""Pages about what callers meet: routes, permissions, errors, the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

import orjson

from functions._answers import errors_of
from functions._edge import PUBLIC
from functions._openapi import document
from functions._problems import status_of
from functions._served import Served, routes, served
from local.docs.markdown import code, codes, page, table
from local.docs.reading import demands, meaning_of, modules, permissions, room_of
from shared.cli.main import parser
from shared.identity.roles import GRANTS, MEANING, Role
from shared.kernel.errors import catalogue


def openapi_json() -> str:
    """Return the OpenAPI document in a form that diffs line by line."""
    return orjson.dumps(orjson.loads(document()), option=orjson.OPT_INDENT_2).decode() + "\n"


def routes_page() -> str:
    """Return every function of every plane."""
    http = table(
        (
            "function",
            "plane",
            "method",
            "route",
            "permission",
            "audience",
            "tenant",
            "what it does",
        ),
        (_http(found) for found in routes()),
    )
    others = table(
        ("function", "plane", "trigger", "schedule or queue", "what it does"),
        (
            (
                code(found.function),
                found.plane,
                found.trigger,
                code(found.schedule or found.queue),
                found.summary,
            )
            for found in served()
            if found.route is None
        ),
    )
    return page(
        "Routes, timers and queues",
        "Every function of the app. A permission stands in `permissions.md`; routes marked with a "
        "tenant take the Ops-Tenant header. Schedules are NCRONTAB in UTC, with seconds first. "
        "`openapi.json` describes requests and answers.",
        "## HTTP",
        http,
        "## Timers and queues",
        others,
    )


def _http(found: Served) -> tuple[str, ...]:
    route = found.route
    if route is None:
        raise ValueError(found.function)
    public = route.needs == PUBLIC
    return (
        code(found.function),
        found.plane,
        " ".join(found.methods),
        code(found.path),
        "anybody" if public else code(route.needs),
        route.audience or "",
        "yes" if route.inside_tenant else "",
        found.summary,
    )


def permissions_page() -> str:
    """Return permissions, the roles that hold them, and what asks for them."""
    matrix = table(
        ("permission", *(code(role) for role in Role)),
        (
            (code(name), *("yes" if name in GRANTS[role] else "" for role in Role))
            for name in permissions()
        ),
    )
    asked = table(
        ("permission", "asked for by", "what that does"),
        (
            (code(name), code(demand.where), demand.meaning)
            for name in permissions()
            for demand in demands()
            if demand.permission == name
        ),
    )
    return page(
        "Permissions and roles",
        "What is not granted is denied. A permission is spelled `scope:subject:action`; a role is "
        "a set of them, in one table of code (`shared/identity/roles.py`). A producer also needs a "
        "grant per tenant and contract, and every caller stands on the allow-list of its audience.",
        "## Roles",
        table(("role", "who that is"), ((code(role), MEANING[role]) for role in Role)),
        "## Who holds what",
        matrix,
        "## What asks for it",
        asked,
    )


def error_codes_page() -> str:
    """Return every error with its stable code."""
    modules()
    where: dict[str, list[str]] = {}
    for found in routes():
        if found.route is not None:
            for error in errors_of(found.route, found.methods):
                where.setdefault(error.code, []).append(found.function)
    rows = [
        (
            code(name),
            "" if room_of(error) == "cli" else str(status_of(error)),
            room_of(error),
            error.title,
            meaning_of(error),
            _answered(where.get(name, [])),
        )
        for name, error in catalogue().items()
    ]
    return page(
        "Error codes",
        "Codes are stable and never reused; titles and details are for people. Over HTTP an error "
        "is an RFC 9457 problem of the given status. What no route answers is met on the command "
        "line, in a timer's log, or is the shape that others specialise.",
        table(("code", "status", "room", "title", "meaning", "answered by"), rows),
    )


def _answered(functions: list[str]) -> str:
    everywhere = len(functions) == len(routes())
    return "every route" if everywhere else codes(functions)


def cli_page() -> str:
    """Return the help of every command."""
    columns = os.environ.get("COLUMNS")
    # argparse folds at the width of the terminal, which a document has none of.
    os.environ["COLUMNS"] = "96"
    try:
        helps = [
            f"{'#' * min(2 + name.count(' '), 4)} {name}\n\n```text\n{text.strip()}\n```"
            for name, text in _helps(parser())
        ]
    finally:
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns
    return page(
        "The command line",
        "`opsplane` does for an operator at a terminal what the services do over HTTP: the same "
        "permissions, the same errors, the same facts.",
        *helps,
    )


def _helps(command: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    yield command.prog, command.format_help()
    for action in command._actions:  # noqa: SLF001 - argparse tells its commands no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for inner in dict.fromkeys(action.choices.values()):
                yield from _helps(inner)
