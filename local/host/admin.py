"""The admin endpoints: host status, the list of functions, and running one by hand."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

from local.host import responses
from local.host.triggers import HTTPTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.host.responses import Response
    from local.host.triggers import Function

    type Runner = Callable[[Function, str], Any]


class Admin:
    """Answers /admin/* for callers that the web front has found to hold the master key."""

    def __init__(self, functions: Sequence[Function], prefix: str, run: Runner) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._prefix = prefix
        self._run = run
        self._started: set[asyncio.Task[Any]] = set()

    def answer(self, method: str, path: str, body: bytes) -> Response:
        match [method, *path.lower().strip("/").split("/")]:
            case ["GET", "admin", "host", "status"]:
                return responses.document(200, self._status())
            case ["GET" | "POST", "admin", "host", "ping"]:
                return responses.empty(200)
            case ["GET", "admin", "functions"]:
                listed = [f.describe(self._prefix) for f in self._functions.values()]
                return responses.document(200, listed)
            case [_, "admin", "functions", name] if name in self._functions:
                return self._function(method, self._functions[name], body)
        return responses.empty(404)

    def _status(self) -> dict[str, object]:
        return {
            "state": "Running",
            "version": "local",
            "processId": os.getpid(),
            "functions": len(self._functions),
        }

    def _function(self, method: str, function: Function, body: bytes) -> Response:
        if method == "GET":
            return responses.document(200, function.describe(self._prefix))
        if method != "POST":
            return responses.empty(405)
        if isinstance(function.trigger, HTTPTrigger):
            return responses.plain(400, "Call an HTTP function by its route.")
        try:
            given = json.loads(body or b"{}").get("input", "")
        except (ValueError, AttributeError):
            return responses.plain(400, 'The body must be JSON such as {"input": "..."}.')
        text = given if isinstance(given, str) else json.dumps(given)
        task = asyncio.ensure_future(self._run(function, text))
        self._started.add(task)
        task.add_done_callback(self._started.discard)
        # As in the real host the answer does not wait for the function.
        return responses.empty(202)
