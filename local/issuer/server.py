"""What the issuer says over HTTP on loopback.

======================================================  =========================================
``/discovery/keys``                                     the key set (RFC 7517)
``/{directory}/v2.0/.well-known/openid-configuration``  the discovery document
``/msi/token?resource=…``                               App Service's managed identity endpoint
======================================================  =========================================

The last one asks for the header ``X-IDENTITY-HEADER``, as App Service does, so that no web page
can fetch a token from a developer's machine.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, override
from urllib.parse import parse_qs, urlsplit

LOOPBACK = "127.0.0.1"
# Below the range from which systems take ports for outgoing connections, so that the issuer finds
# its port free again after a restart.
_PORTS = range(15000, 32000)
_PORT_ATTEMPTS = 50


class Sayings(Protocol):
    """What the server is given to say."""

    @property
    def identity_header(self) -> str: ...

    def key_set(self) -> dict[str, Any]: ...

    def discovery(self) -> dict[str, Any]: ...

    def managed_identity_token(self, resource: str, object_id: str | None) -> dict[str, str]: ...


class IssuerServer(ThreadingHTTPServer):
    """Serves one issuer."""

    daemon_threads = True
    # A port that another process serves must not look free.
    allow_reuse_port = False

    def __init__(self, port: int, issuer: Sayings) -> None:
        self.issuer = issuer
        super().__init__((LOOPBACK, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: IssuerServer
    timeout = 10

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/discovery/keys":
            self._say(HTTPStatus.OK, self.server.issuer.key_set())
        elif address.path.endswith("/.well-known/openid-configuration"):
            self._say(HTTPStatus.OK, self.server.issuer.discovery())
        elif address.path == "/msi/token":
            header = self.headers.get("X-IDENTITY-HEADER", "")
            self._say(*_token(self.server.issuer, header, address.query))
        else:
            self._say(HTTPStatus.NOT_FOUND, {"message": "There is nothing here."})

    def _say(self, status: HTTPStatus, answer: Mapping[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a query string may hold what nobody asked to see."""


def _token(issuer: Sayings, header: str, query: str) -> tuple[HTTPStatus, dict[str, Any]]:
    """Answer as App Service does, refusals included."""
    if not hmac.compare_digest(header.encode("latin-1"), issuer.identity_header.encode()):
        return _refusal(HTTPStatus.UNAUTHORIZED, "X-IDENTITY-HEADER is missing or not the one.")
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    if "resource" not in asked or "mi_res_id" in asked:
        return _refusal(HTTPStatus.BAD_REQUEST, "Give resource; mi_res_id is not known here.")
    object_id = asked.get("object_id", asked.get("client_id"))
    try:
        return HTTPStatus.OK, issuer.managed_identity_token(asked["resource"], object_id)
    except ValueError:
        return _refusal(HTTPStatus.BAD_REQUEST, "client_id and object_id are UUIDs.")


def _refusal(status: HTTPStatus, message: str) -> tuple[HTTPStatus, dict[str, Any]]:
    return status, {"statusCode": int(status), "message": message}


def listen(issuer: Sayings, preferred: int) -> IssuerServer:
    """Listen on the preferred port, or on a free one when that is taken."""
    drawn = secrets.SystemRandom().sample(_PORTS, _PORT_ATTEMPTS)
    for port in [preferred, *drawn] if preferred else drawn:
        try:
            return IssuerServer(port, issuer)
        except OSError:
            continue
    raise OSError(f"None of {_PORT_ATTEMPTS} ports on {LOOPBACK} was free.")
