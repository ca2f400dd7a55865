"""Sample apps, a plain HTTP client and a waiting loop for the tests of the local Functions host."""

from __future__ import annotations

import http.client
import json
import logging
import textwrap
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


@pytest.fixture(scope="session")
def app() -> Callable[..., Path]:
    """Write a function app: its source, and its host.json when not the plainest one."""

    def write(folder: Path, source: str, **host_json: Any) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        text = "import azure.functions as func\napp = func.FunctionApp()\n"
        (folder / "function_app.py").write_text(text + textwrap.dedent(source))
        (folder / "host.json").write_text(json.dumps({"version": "2.0", **host_json}))
        return folder

    return write


@pytest.fixture(scope="session")
def call() -> Callable[..., Reply]:
    """One HTTP request on a connection of its own; header pairs may repeat a name."""

    def request(
        port: int,
        method: str,
        path: str,
        headers: list[tuple[str, str]] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers or []:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Reply(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    return request


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Wait until a check returns something true, and return that."""

    def wait(check: Callable[[], Any], within: float = 20.0) -> Any:
        deadline = time.monotonic() + within
        while not (found := check()):
            assert time.monotonic() < deadline, f"not true within {within:g} s"
            time.sleep(0.02)
        return found

    return wait


@pytest.fixture(autouse=True)
def _plain_records() -> Iterator[None]:
    """The app quietens foreign loggers in its own process; here the host's lines are looked at."""
    quiet = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    yield
    logging.setLogRecordFactory(quiet)
