"""What a function returned, as an HTTP status, headers and body."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.host.engine import Message

type Response = tuple[int, list[tuple[bytes, bytes]], bytes]

_TEXT = (b"content-type", b"text/plain; charset=utf-8")
# The server frames the message itself, whatever the function says.
_FRAMING = {"content-length", "transfer-encoding", "connection", "keep-alive", "date"}
_NO_BODY = {204, 205, 304}
_SAME_SITE = {1: "lax", 2: "strict", 3: "none"}


def empty(status: int) -> Response:
    return status, [(b"content-length", b"0")], b""


def plain(status: int, text: str) -> Response:
    return _framed(status, [_TEXT], text.encode())


def document(status: int, value: object) -> Response:
    body = json.dumps(value).encode()
    return _framed(status, [(b"content-type", b"application/json; charset=utf-8")], body)


def render(value: Message | None) -> Response:
    """The response for a returned TypedData; nothing returned is an empty 200."""
    if value is None:
        return empty(200)
    kind = value.WhichOneof("data")
    if kind == "http":
        return _http(value.http)
    if kind == "string":
        return _text(value.string)
    if kind == "bytes":
        return _framed(200, [(b"content-type", b"application/octet-stream")], value.bytes)
    if kind == "json":
        return _text(value.json)
    return empty(200)


def _http(response: Message) -> Response:
    headers = _fields(response.headers)
    if response.cookies:
        headers.extend((b"set-cookie", _cookie(cookie)) for cookie in response.cookies)
    body = response.body.bytes if response.body is not None else b""
    return _framed(int(response.status_code), headers, body)


def _framed(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Response:
    if status in _NO_BODY:
        return status, headers, b""
    headers.append((b"content-length", b"%d" % len(body)))
    return status, headers, body


def _fields(given: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """Header lines; raises ValueError for a value the real server would refuse to send."""
    headers = []
    for name, value in given.items():
        text = str(value)
        if not (text.isascii() and text.isprintable() and name.isascii()):
            raise ValueError(f"response header {name!r} holds characters HTTP does not allow")
        lowered = name.lower()
        if lowered not in _FRAMING:
            headers.append((lowered.encode(), text.encode()))
    return headers


def _cookie(cookie: Message) -> bytes:
    """One Set-Cookie line in ASP.NET's spelling."""

    def field(name: str) -> Any:
        wrapped = getattr(cookie, name)
        return wrapped.value if wrapped is not None else None

    parts = [f"{quote(cookie.name)}={quote(cookie.value)}"]
    if (expires := field("expires")) is not None:
        parts.append(f"expires={formatdate(expires.seconds, usegmt=True)}")
    if (age := field("max_age")) is not None:
        parts.append(f"max-age={age:.0f}")
    if domain := field("domain"):
        parts.append(f"domain={domain}")
    parts.append(f"path={field('path') or '/'}")
    if field("secure"):
        parts.append("secure")
    if cookie.same_site in _SAME_SITE:
        parts.append(f"samesite={_SAME_SITE[cookie.same_site]}")
    if field("http_only"):
        parts.append("httponly")
    return "; ".join(parts).encode("latin-1", "replace")


def _text(text: str) -> Response:
    """A returned `str`: the host reads it as JSON and may take it for a whole response."""
    try:
        value = json.loads(text)
    except ValueError:
        return plain(200, text)
    if isinstance(value, dict):
        names = {name.lower(): name for name in value}
        if "body" in names:
            return _response_object(value, names)
    return plain(200, _as_text(value, text))


def _response_object(value: dict[str, Any], names: dict[str, str]) -> Response:
    """An object with a `body`: its status and headers become the response's."""
    headers: list[tuple[bytes, bytes]] = []
    given = value.get(names.get("headers", ""))
    if isinstance(given, dict):
        headers = _fields(given)
    if not any(name == b"content-type" for name, _ in headers):
        headers.append(_TEXT)
    status = value.get(names.get("statuscode", ""), value.get(names.get("status", ""), 200))
    body = value[names["body"]]
    # An object body is written compactly; the object as a whole would be indented.
    text = json.dumps(body, separators=(",", ":")) if isinstance(body, dict) else _as_text(body, "")
    return _framed(int(status), headers, text.encode())


def _as_text(value: object, original: str) -> str:
    """A JSON value as .NET writes it: objects and arrays are indented again."""
    match value:
        case None:
            return ""
        case bool():
            return str(value)
        case str():
            return value
        case dict() | list():
            return json.dumps(value, indent=2, ensure_ascii=False)
        case _:
            return original or str(value)
