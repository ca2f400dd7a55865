"""Answers 503 on the host's socket while no worker is ready to."""

from __future__ import annotations

import asyncio
import contextlib
import socket

_BODY = b"Function host is not running."
_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)
_PATIENCE = 2.0
_MOST_HEAD = 65536


class Gate:
    """Stands in for the workers; the supervisor opens and closes it."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._answering: set[asyncio.Task[None]] = set()
        self._is_open = False

    def open(self) -> None:
        if not self._is_open:
            self._is_open = True
            asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._listener.fileno())

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            # Another process took the connection first, or the caller left.
            return
        task = asyncio.ensure_future(_answer(connection))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)


async def _answer(connection: socket.socket) -> None:
    """Read a request's head, answer it, and close without cutting the answer off."""
    loop = asyncio.get_running_loop()
    connection.settimeout(0)
    with connection, contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            head = b""
            while b"\r\n\r\n" not in head and len(head) < _MOST_HEAD:
                part = await loop.sock_recv(connection, 65536)
                if not part:
                    return
                head += part
            await loop.sock_sendall(connection, _ANSWER)
            connection.shutdown(socket.SHUT_WR)
            # Closing with a body unread would reset the connection before the answer arrives.
            while await loop.sock_recv(connection, 65536):
                pass
