"""The issuer's key document over HTTPS; plain HTTP only on loopback.

An opener of its own, with HTTP and HTTPS and nothing else: ``urllib``'s default one also reads
files, and takes redirects to anywhere.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO
from urllib.error import HTTPError
from urllib.parse import SplitResult, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from shared.identity.keysets import MAX_DOCUMENT_BYTES
from shared.kernel.errors import Unavailable

TIMEOUT_SECONDS = 3.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_CHUNK = 65_536


class HttpJwks:
    """Fetches the document of one address."""

    def __init__(self, uri: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """Connect to nothing yet. Raises `ValueError` for an address that is not safe to ask."""
        address = urlsplit(uri)
        loopback = address.hostname in _LOOPBACK
        if address.username is not None or not (
            (address.scheme == "https" and address.hostname)
            or (address.scheme == "http" and loopback)
        ):
            raise ValueError("keys are fetched over https, or over http from loopback")
        self._uri = uri
        self._timeout = timeout
        self._opener = OpenerDirector()
        handlers = (
            # A loopback address means this machine, whatever proxy the environment names.
            ProxyHandler({} if loopback else None),
            HTTPHandler(),
            HTTPSHandler(),
            _SameOrigin(address),
            HTTPErrorProcessor(),
            HTTPDefaultErrorHandler(),
        )
        for handler in handlers:
            self._opener.add_handler(handler)

    def fetch(self) -> bytes:
        request = Request(  # noqa: S310 - the constructor admits https and loopback only
            self._uri, headers={"Accept": "application/json", "User-Agent": "opsplane"}
        )
        deadline = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return _read(response, deadline)
        except HTTPError as error:
            error.close()
            raise _away() from None
        except (OSError, HTTPException, ValueError):
            raise _away() from None


class _SameOrigin(HTTPRedirectHandler):
    """Follows a redirect within the same scheme, host and port; any other is an error."""

    max_redirections = 3

    def __init__(self, address: SplitResult) -> None:
        self._origin = _origin(address)

    def redirect_request(  # noqa: PLR0913 - the signature of urllib
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        if _origin(urlsplit(newurl)) != self._origin:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _origin(address: SplitResult) -> tuple[str, str | None, int | None]:
    usual = {"https": 443, "http": 80}.get(address.scheme)
    return address.scheme, address.hostname, address.port or usual


def _read(response: HTTPResponse, deadline: float) -> bytes:
    """Read the whole answer. A server that drips must not hold a thread: the deadline is one."""
    document = bytearray()
    while chunk := response.read1(_CHUNK):
        document += chunk
        if len(document) > MAX_DOCUMENT_BYTES or time.monotonic() > deadline:
            raise _away()
    if response.status != HTTPStatus.OK or (response.length or 0) > 0:
        raise _away()
    return bytes(document)


def _away() -> Unavailable:
    return Unavailable("The issuer's key document cannot be fetched")
