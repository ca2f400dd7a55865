"""The ingest gate over HTTP: kept connections, verified certificates, nothing followed.

Plain HTTP goes to loopback only, because every request carries a credential; redirects are answers
like any other, for the same reason.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from shared.client.errors import GateAddressUnsafe, GateUnreachable
from shared.client.ports import Reply

TIMEOUT_SECONDS = 120.0
"""Longer than the gate's own limits, shorter than the 230 s of the platform's front end."""
MAX_ANSWER_BYTES = 33_554_432
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PRINTABLE = re.compile(r"[!-~]+")
_STALE = (RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class HttpGate:
    """One gate. Connections are kept, each used by one thread at a time."""

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """Connect to nothing yet. Raises `GateAddressUnsafe`."""
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
        self._idle: list[HTTPConnection] = []
        self._busy: set[HTTPConnection] = set()
        self._lock = threading.Lock()

    def policy(self, headers: Mapping[str, str]) -> Reply:
        """Ask for the active policy revision. Raises `GateUnreachable`."""
        return self._exchange("GET", "/v1/policy", None, headers)

    def submit(self, contract: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post a body and wait for its answer. Raises `GateUnreachable`."""
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

    def _take(self) -> tuple[HTTPConnection, bool]:
        with self._lock:
            kept = bool(self._idle)
            connection = self._idle.pop() if kept else self._connection()
            self._busy.add(connection)
            return connection, kept

    def _connection(self) -> HTTPConnection:
        if self._context is None:
            return HTTPConnection(self._host, self._port, timeout=self._timeout)
        proxy = getproxies().get("https")
        if not proxy or proxy_bypass(self._host):
            return HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=self._context
            )
        through = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        connection = HTTPSConnection(
            through.hostname or "", through.port, timeout=self._timeout, context=self._context
        )
        # TLS is spoken with the gate, through the proxy: it sees a name and a length.
        connection.set_tunnel(self._host, self._port or 443)
        return connection

    def _give_back(self, connection: HTTPConnection, *, keep: bool) -> None:
        with self._lock:
            self._busy.discard(connection)
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def _drop(self, connection: HTTPConnection) -> None:
        with self._lock:
            self._busy.discard(connection)
        connection.close()


def _cut(connection: HTTPConnection) -> None:
    """End a connection that another thread waits on: closing alone would not wake it."""
    sock = getattr(connection, "sock", None)
    if sock is not None:
        try:
            sock.shutdown(2)
        except OSError:
            return


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
