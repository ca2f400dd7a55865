"""A wire to Postgres that can be cut: a proxy that loses what a network may lose."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from local.stack import Stack


class Wire:
    """Forwards to Postgres; when armed, swallows the answer to the next COMMIT and hangs up."""

    def __init__(self, port: int) -> None:
        """Listen on a free port for what should reach ``port``."""
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.armed = False
        self.cut = 0
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Hang up every connection."""
        for end in (self._listener, *self._sockets):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                committing = threading.Event()
                for source, sink, upstream in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._forward,
                        args=(source, sink, committing, upstream),
                        daemon=True,
                    ).start()

    def _forward(
        self,
        source: socket.socket,
        sink: socket.socket,
        committing: threading.Event,
        upstream: bool,
    ) -> None:
        with suppress(OSError):
            while piece := source.recv(65_536):
                if upstream and self.armed and b"COMMIT\0" in piece:
                    committing.set()
                elif not upstream and committing.is_set():
                    # The server has answered, so it has committed; nobody will hear of it.
                    self.armed = False
                    self.cut += 1
                    break
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(stack: Stack) -> Iterator[Wire]:
    """A wire to the test stack's Postgres."""
    made = Wire(stack.postgres.port)
    yield made
    made.close()


def through(wire: Wire, stack: Stack, name: str, folder: Path) -> str:
    """The URL of a database, reached over the wire."""
    passfile = folder / "pgpass"
    text = stack.home.passfile.read_text()
    passfile.write_text(text.replace(f":{stack.postgres.port}:", f":{wire.port}:"))
    passfile.chmod(0o600)
    return f"postgresql://127.0.0.1:{wire.port}/{name}?passfile={passfile}"
