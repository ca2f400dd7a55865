"""The HTTP front: an ASGI app that routes, authorises and invokes as the real host does."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from local.host import engine, responses
from local.host.triggers import HTTPTrigger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.host.admin import Admin
    from local.host.invocations import Invocations
    from local.host.keys import Keys
    from local.host.responses import Response
    from local.host.routes import Routes
    from local.host.triggers import Function

    type Scope = dict[str, Any]
    type Receive = Callable[[], Awaitable[dict[str, Any]]]
    type Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger("host.http")

URL_LIMIT = 8192
QUERY_LIMIT = 4096
BODY_LIMIT = 104_857_600
HOME = b"<!DOCTYPE html><title>Local Functions host</title><p>Your function app is up and running."

# The lengths of the four parts of a W3C traceparent header.
_TRACEPARENT = [2, 32, 16, 2]
_GONE = "http.disconnect"
_AUTH_HEADERS = (b"x-ms-client-principal", b"x-ms-token-aad-")


class Web:
    """The app that the HTTP server calls for every request."""

    def __init__(  # noqa: PLR0913 -- what a host is made of
        self,
        routes: Routes,
        keys: Keys | None,
        *,
        invocations: Invocations,
        admin: Admin,
        custom_headers: tuple[tuple[str, str], ...],
        body_limit: int = BODY_LIMIT,
    ) -> None:
        """`keys` None means that keys are not enforced."""
        self._routes = routes
        self._keys = keys
        self._invocations = invocations
        self._admin = admin
        self._custom = [
            (n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in custom_headers
        ]
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw_path: bytes = scope["raw_path"]
        query_string: bytes = scope["query_string"]
        if len(query_string) > QUERY_LIMIT or len(raw_path) + len(query_string) > URL_LIMIT:
            await self._send(send, responses.empty(414))
            return
        headers, length = _headers(scope["headers"])
        if length > self._body_limit:
            fields = [(b"content-length", b"0"), (b"connection", b"close")]
            await self._send(send, (413, fields, b""))
            return
        query = _query(query_string)
        key = headers.get("x-functions-key") or query.get("code")
        path = raw_path.decode("latin-1")
        found = self._routes.find(scope["method"], path)
        if found is None or (found[0].disabled and not self._is_master(key)):
            await self._send(send, await self._outside(scope["method"], path, key, receive, length))
            return
        function, params = found
        if not self._admits(function, key):
            await self._send(send, responses.empty(401))
            return
        body = await _body(receive, length)
        if body is None:
            return
        host = headers.get("host", "localhost")
        suffix = f"?{query_string.decode('latin-1')}" if query_string else ""
        url = f"{scope['scheme']}://{host}{path}{suffix}"
        data = engine.http(
            scope["method"], url, headers=headers, query=query, params=params, body=body
        )
        await self._invoke(function, data, _traceparent(headers), send)

    async def _invoke(
        self, function: Function, data: engine.Data, traceparent: str, send: Send
    ) -> None:
        refused = False

        async def refuse(status: int) -> None:
            nonlocal refused
            refused = True
            await self._send(send, responses.empty(status))

        outcome = await self._invocations.run(
            function, data, traceparent=traceparent, refuse=refuse
        )
        if refused:
            return
        response = responses.empty(500)
        if outcome.ok:
            try:
                response = responses.render(outcome.value)
            except (ValueError, TypeError):
                log.exception("%s returned something that is no HTTP response", function.name)
        await self._send(send, response)

    async def _outside(
        self, method: str, path: str, key: str | None, receive: Receive, length: int
    ) -> Response:
        """What no function answers: the admin endpoints, the home page, or 404."""
        if path.lower().startswith("/admin/"):
            if not self._is_master(key):
                return responses.empty(401)
            body = await _body(receive, length)
            return self._admin.answer(method, path, body or b"")
        if path == "/" and method in {"GET", "HEAD"}:
            fields = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(HOME))]
            return 200, fields, HOME
        return responses.empty(404)

    def _is_master(self, key: str | None) -> bool:
        return self._keys is None or self._keys.is_master(key)

    def _admits(self, function: Function, key: str | None) -> bool:
        level = function.trigger.level if isinstance(function.trigger, HTTPTrigger) else "ADMIN"
        return self._keys is None or self._keys.admit(level, function.name, key)

    async def _send(self, send: Send, response: Response) -> None:
        status, headers, body = response
        if self._custom:
            headers = [*headers, *self._custom]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _headers(pairs: list[tuple[bytes, bytes]]) -> tuple[dict[str, str], int]:
    """The header map a function sees, and the Content-Length (0 when there is none).

    The platform owns the caller's identity headers: whatever a client sends under their names is
    dropped.
    """
    headers: dict[str, str] = {}
    length = 0
    for raw, value in pairs:
        if raw.startswith(b"x-ms-") and raw.startswith(_AUTH_HEADERS):
            continue
        name = raw.decode("latin-1")
        text = value.decode("latin-1")
        if name in headers:
            text = f"{headers[name]},{text}"
        headers[name] = text
        if raw == b"content-length":
            length = int(value)
    return headers, length


def _query(query_string: bytes) -> dict[str, str]:
    """Query values by name: repeated ones joined, empty ones dropped, names in any case."""
    if not query_string:
        return {}
    query: dict[str, str] = {}
    spellings: dict[str, str] = {}
    for given, value in parse_qsl(query_string.decode("latin-1")):
        name = spellings.setdefault(given.lower(), given)
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


async def _body(receive: Receive, length: int) -> bytes | None:
    """The whole body; None when the caller went away before sending it.

    A body without Content-Length, as chunked requests have, is not read: the real host does not
    forward it either.
    """
    if not length:
        return b""
    message = await receive()
    if message["type"] == _GONE:
        return None
    first: bytes = message.get("body", b"")
    if len(first) == length or not message.get("more_body"):
        return first
    parts = [first]
    while message.get("more_body"):
        message = await receive()
        if message["type"] == _GONE:
            return None
        parts.append(message.get("body", b""))
    return b"".join(parts)


def _traceparent(headers: dict[str, str]) -> str:
    """A span of the caller's trace, or of a new one."""
    caller = headers.get("traceparent", "").split("-")
    span = f"{random.getrandbits(64):016x}"
    if [len(part) for part in caller] == _TRACEPARENT:
        return f"00-{caller[1]}-{span}-{caller[3]}"
    return f"00-{random.getrandbits(128):032x}-{span}-00"
