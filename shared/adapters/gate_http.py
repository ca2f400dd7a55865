"""The ingest gate over HTTP: kept connections, verified certificates, nothing followed.

Plain HTTP goes to loopback only, because every request carries a credential; redirects are answers
like any other, for the same reason.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    RemoteDisconnected,
)
from typing import Self, override
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from shared.client.errors import (
    GateAddressUnsafe,
    GateUnreachable,
    GateUntrusted,
    ProxyRefused,
    ProxyUnusable,
)
from shared.client.ports import Reply

TIMEOUT_SECONDS = 120.0
"""Longer than the gate's own limits, shorter than the 230 s of the platform's front end."""
CONNECT_SECONDS = 10.0
"""For TCP, a proxy's tunnel and TLS, each."""
MAX_ANSWER_BYTES = 33_554_432
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PRINTABLE = re.compile(r"[!-~]+")
_STALE = (RemoteDisconnected, BrokenPipeError, ConnectionResetError)
_TUNNEL_REFUSED = (HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a tunnel to the gate begins."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what HTTPS_PROXY says. Raises `ProxyUnusable`."""
        try:
            address = urlsplit(text if "://" in text else f"http://{text}")
            port = address.port or 80
        except ValueError:
            raise ProxyUnusable from None
        # To the proxy itself we speak plain HTTP; what it passes on is TLS with the gate.
        if address.scheme != "http" or not address.hostname or not _PRINTABLE.fullmatch(text):
            raise ProxyUnusable
        if address.username is None:
            return cls(address.hostname, port)
        words = f"{unquote(address.username)}:{unquote(address.password or '')}"
        return cls(address.hostname, port, f"Basic {b64encode(words.encode()).decode()}")


class _Plain(HTTPConnection):
    """A connection to loopback."""

    abandoned = False

    @override
    def connect(self) -> None:
        patience, self.timeout = self.timeout, CONNECT_SECONDS
        try:
            super().connect()
        finally:
            self.timeout = patience
        self.sock.settimeout(patience)
        _go_on(self)


class _Secure(HTTPSConnection):
    """A connection over TLS, through a proxy where there is one.

    Its socket can be cut at any moment: the standard library's own hides it during the handshake.
    """

    abandoned = False

    def __init__(
        self,
        host: str,
        port: int | None,
        timeout: float,
        context: ssl.SSLContext,
        proxy: Proxy | None,
    ) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls = context
        self._proxy = proxy

    @override
    def connect(self) -> None:
        through = (self._proxy.host, self._proxy.port) if self._proxy else (self.host, self.port)
        patience = min(CONNECT_SECONDS, self.timeout or CONNECT_SECONDS)
        self.sock = socket.create_connection(through, patience)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _go_on(self)
        if self._proxy:
            self._open_tunnel(self._proxy)
        self.sock = self._tls.wrap_socket(
            self.sock, server_hostname=self.host, do_handshake_on_connect=False
        )
        _go_on(self)
        self.sock.do_handshake()
        self.sock.settimeout(self.timeout)
        _go_on(self)

    def _open_tunnel(self, proxy: Proxy) -> None:
        """Ask for a way to the gate; the proxy sees a name and a length, and no credential."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        words = [f"CONNECT {host}:{self.port} HTTP/1.1", f"Host: {host}:{self.port}"]
        if proxy.authorization:
            words.append(f"Proxy-Authorization: {proxy.authorization}")
        self.sock.sendall("\r\n".join([*words, "", ""]).encode("ascii"))
        response = HTTPResponse(self.sock, method="CONNECT")
        try:
            response.begin()
        finally:
            response.close()
        told = f"The proxy refuses the way to the gate: {response.status}"
        if response.status in _TUNNEL_REFUSED:
            raise ProxyRefused(told)
        if response.status != HTTPStatus.OK:
            raise GateUnreachable(told)


type _Connection = _Plain | _Secure


def _go_on(connection: _Connection) -> None:
    if connection.abandoned:
        raise ConnectionAbortedError


class HttpGate:
    """One gate. Connections are kept, each used by one thread at a time."""

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """Connect to nothing yet. Raises `GateAddressUnsafe`, `ProxyUnusable`."""
        try:
            address = urlsplit(url)
            port = address.port
        except ValueError:
            raise GateAddressUnsafe from None
        host = address.hostname or ""
        secure = address.scheme == "https"
        if (
            not host
            or not _PRINTABLE.fullmatch(url)
            or address.username is not None
            or address.query
            or address.fragment
            or not (secure or (address.scheme == "http" and host in _LOOPBACK))
        ):
            raise GateAddressUnsafe
        self._host, self._port, self._prefix = host, port, address.path.rstrip("/")
        self._timeout = timeout
        self._context = ssl.create_default_context() if secure else None
        found = getproxies().get("https") if secure and not proxy_bypass(host) else None
        self._proxy = Proxy.of(found) if found else None
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._lock = threading.Lock()

    def policy(self, headers: Mapping[str, str]) -> Reply:
        """Ask for the active policy revision.

        Raises `GateUnreachable`, `GateUntrusted`, `ProxyRefused`.
        """
        return self._exchange("GET", "/v1/policy", None, headers)

    def submit(self, contract: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post a body and wait for its answer. Raises what `policy` raises."""
        return self._exchange("POST", f"/v1/ingest/{contract}", body, headers)

    def abandon(self) -> None:
        """Cut every exchange under way, which then raises `GateUnreachable`."""
        with self._lock:
            for connection in self._busy:
                _cut(connection)

    def close(self) -> None:
        """Let go of every connection."""
        self.abandon()
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        sent = {"Accept": "application/json", "User-Agent": "opsplane", **headers}
        while True:
            connection, kept = self._take()
            try:
                connection.request(method, self._prefix + path, body, sent)
                response = connection.getresponse()
                answer = response.read(MAX_ANSWER_BYTES + 1)
                # Without a length, the end of the answer shows when there is nothing more.
                answer += b"" if response.isclosed() else response.read(1)
                whole = (
                    response.isclosed() and not response.length and len(answer) <= MAX_ANSWER_BYTES
                )
            except ssl.SSLCertVerificationError as error:
                self._drop(connection)
                told = f"{GateUntrusted.title}: {error.verify_message}"
                raise GateUntrusted(told) from None
            except (OSError, HTTPException) as error:
                self._drop(connection)
                if kept and isinstance(error, _STALE):
                    # The server let go of an idle connection; a fresh one tells if it is there.
                    continue
                raise GateUnreachable(f"{GateUnreachable.title}: {_reason(error)}") from None
            except BaseException:
                self._drop(connection)
                raise
            if not whole:
                self._drop(connection)
                raise GateUnreachable("The gate's answer is cut off or too long")
            self._give_back(connection, keep=not response.will_close)
            found = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, answer, found)

    def _take(self) -> tuple[_Connection, bool]:
        with self._lock:
            kept = bool(self._idle)
            connection = self._idle.pop() if kept else self._connection()
            self._busy.add(connection)
            return connection, kept

    def _connection(self) -> _Connection:
        if self._context is None:
            return _Plain(self._host, self._port, timeout=self._timeout)
        return _Secure(self._host, self._port, self._timeout, self._context, self._proxy)

    def _give_back(self, connection: _Connection, *, keep: bool) -> None:
        with self._lock:
            self._busy.discard(connection)
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def _drop(self, connection: _Connection) -> None:
        with self._lock:
            self._busy.discard(connection)
        connection.close()


def _cut(connection: _Connection) -> None:
    """End a connection that another thread waits on: closing alone would not wake it."""
    connection.abandoned = True
    sock = getattr(connection, "sock", None)
    if sock is not None:
        try:
            # Not TLS's own shutdown, which takes away what the other thread is using.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            return


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
