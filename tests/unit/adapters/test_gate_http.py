"""What the wire may do to a request: cut it, delay it, send it elsewhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from shared.adapters import gate_http
from shared.adapters.gate_http import HttpGate
from shared.client.errors import GateAddressUnsafe, GateUnreachable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nOps-Call-Id: cal_1\r\n\r\n{}"


@contextmanager
def served(*sessions: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that treats each connection as it is told, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        for session in sessions:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                session(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/prefix/"
    finally:
        listener.close()
        thread.join(10)


def answering(*answers: bytes) -> Callable[[socket.socket], None]:
    def session(connection: socket.socket) -> None:
        for answer in answers:
            if not connection.recv(65_536):
                return
            connection.sendall(answer)

    return session


@contextmanager
def gate_at(url: str, timeout: float = 5.0) -> Iterator[HttpGate]:
    gate = HttpGate(url, timeout)
    try:
        yield gate
    finally:
        gate.close()


def test_an_answer_has_status_body_and_headers_in_lower_case() -> None:
    with served(answering(OK)) as url, gate_at(url) as gate:
        reply = gate.policy({"Authorization": "Bearer t"})
    assert (reply.status, reply.body, reply.headers["ops-call-id"]) == (200, b"{}", "cal_1")


def test_a_connection_is_kept_and_the_path_goes_below_the_prefix() -> None:
    seen = []

    def session(connection: socket.socket) -> None:
        for _ in range(2):
            seen.append(connection.recv(65_536).partition(b"\r\n")[0])
            connection.sendall(OK)

    with served(session) as url, gate_at(url) as gate:
        gate.policy({})
        gate.submit("c.v1", b"{}", {})
    assert seen == [b"GET /prefix/v1/policy HTTP/1.1", b"POST /prefix/v1/ingest/c.v1 HTTP/1.1"]


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    with served(answering(OK), answering(OK)) as url, gate_at(url) as gate:
        assert gate.policy({}).status == 200
        assert gate.policy({}).status == 200


def test_a_fresh_connection_that_is_closed_is_no_answer() -> None:
    with served(lambda _: None) as url, gate_at(url) as gate, pytest.raises(GateUnreachable):
        gate.policy({})


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
)
def test_an_answer_that_is_cut_or_broken_is_none(answer) -> None:
    with served(answering(answer)) as url, gate_at(url) as gate, pytest.raises(GateUnreachable):
        gate.policy({})


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    with served(answering(b"HTTP/1.1 503 No\r\n\r\nbusy")) as url, gate_at(url) as gate:
        assert gate.policy({}).body == b"busy"


def test_an_answer_that_is_too_long_is_none(monkeypatch) -> None:
    monkeypatch.setattr(gate_http, "MAX_ANSWER_BYTES", 1)
    with served(answering(OK)) as url, gate_at(url) as gate, pytest.raises(GateUnreachable):
        gate.policy({})


def test_a_silent_gate_is_away_after_the_timeout() -> None:
    done = threading.Event()
    with served(lambda _: done.wait(10)) as url, gate_at(url, 0.1) as gate:
        with pytest.raises(GateUnreachable):
            gate.policy({})
        done.set()


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    answer = b"HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with served(answering(answer)) as url, gate_at(url) as gate:
        assert gate.submit("c.v1", b"{}", {"Authorization": "Bearer t"}).status == 307


def test_an_exchange_under_way_can_be_abandoned() -> None:
    asked, done = threading.Event(), threading.Event()

    def session(connection: socket.socket) -> None:
        connection.recv(65_536)
        asked.set()
        done.wait(10)

    with served(session) as url, gate_at(url, 30) as gate:
        told: list[BaseException] = []

        def ask() -> None:
            try:
                gate.policy({})
            except GateUnreachable as error:
                told.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert asked.wait(10)
        gate.abandon()
        thread.join(5)
        done.set()
    assert len(told) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://gate.example",
        "ftp://gate.example",
        "https://",
        "https://user:word@gate.example",  # pragma: allowlist secret - nobody's
        "https://gate.example?x=1",
        "https://gate.example:port",
        "http://127.0.0.1.gate.example",
        "https://gate.example/a path",
        "https://gäte.example",
        "gate.example",
        "",
    ],
)
def test_a_credential_does_not_go_to(url) -> None:
    with pytest.raises(GateAddressUnsafe):
        HttpGate(url)


@pytest.mark.parametrize(
    "url", ["https://gate.example/api", "http://localhost:7071", "http://[::1]:1"]
)
def test_a_credential_may_go_to(url) -> None:
    HttpGate(url).close()


def test_tls_is_verified() -> None:
    gate = HttpGate("https://gate.example")
    assert gate._context.check_hostname
    assert gate._context.verify_mode.name == "CERT_REQUIRED"


def test_a_proxy_of_the_environment_gets_a_tunnel_and_no_credential(monkeypatch) -> None:
    asked = []

    def session(connection: socket.socket) -> None:
        asked.append(connection.recv(65_536))
        connection.sendall(b"HTTP/1.1 502 No\r\n\r\n")

    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with served(session) as url:
        monkeypatch.setenv("HTTPS_PROXY", url)
        with gate_at("https://gate.example") as gate, pytest.raises(GateUnreachable, match="502"):
            gate.policy({"Authorization": "Bearer t"})
    assert asked[0].startswith(b"CONNECT gate.example:443 HTTP/1.1")
    assert b"Bearer" not in asked[0]
