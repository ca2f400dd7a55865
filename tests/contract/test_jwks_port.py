"""One suite over both sources of signing keys: HTTP from the local issuer, and memory."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.issuer import Issuer
from shared.adapters.jwks_http import HttpJwks
from shared.adapters.jwks_memory import MemoryJwks
from shared.identity.errors import KeysUnavailable
from shared.identity.keysets import MAX_DOCUMENT_BYTES, JwksSource, KeySets, read_keys
from shared.kernel.clock import SystemClock
from shared.kernel.errors import Unavailable


class OverHttp:
    """The real issuer behind the real adapter."""

    def __init__(self, home):
        self.issuer = Issuer.start(home)
        self.source = HttpJwks(self.issuer.jwks_uri)

    def rotate(self, *, keep_old):
        return self.issuer.rotate(keep_old=keep_old)

    def go_away(self):
        self.issuer.stop()


class InMemory(OverHttp):
    """The same issuer, whose document is handed over."""

    def __init__(self, home):
        super().__init__(home)
        self.source = MemoryJwks(self._document())

    def _document(self):
        return json.dumps(self.issuer.key_set()).encode()

    def rotate(self, *, keep_old):
        kid = super().rotate(keep_old=keep_old)
        self.source.document = self._document()
        return kid

    def go_away(self):
        super().go_away()
        self.source.document = None


@pytest.fixture(params=[OverHttp, InMemory])
def published(request, tmp_path):
    kind = request.param(tmp_path)
    yield kind
    kind.issuer.stop()


def kids(source: JwksSource):
    return set(read_keys(source.fetch()))


def test_what_is_published_is_what_is_fetched(published):
    assert read_keys(published.source.fetch())
    assert published.source.fetch() == published.source.fetch()


def test_rotation_shows_at_the_next_fetch(published):
    before = kids(published.source)
    new = published.rotate(keep_old=True)
    assert kids(published.source) == before | {new}
    newest = published.rotate(keep_old=False)
    assert kids(published.source) == {newest}


def test_an_issuer_that_is_away_is_unavailable(published):
    published.go_away()
    with pytest.raises(Unavailable) as caught:
        published.source.fetch()
    assert caught.value.retry_after


def test_the_cache_works_over_it(published):
    keysets = KeySets(published.source, SystemClock())
    (kid,) = kids(published.source)
    assert keysets.find(kid).public_key.key_size >= 2048
    published.go_away()
    assert keysets.find(kid)
    with pytest.raises(KeysUnavailable):
        KeySets(published.source, SystemClock()).find(kid)


# --- what only HTTP can do wrong ---


class Odd(BaseHTTPRequestHandler):
    """Answers by path."""

    timeout = 5

    def do_GET(self):
        self.server.paths.append(self.path)
        if self.path.startswith("/to"):
            self.send_response(302)
            self.send_header("Location", self.server.targets[self.path])
            self.end_headers()
            return
        if self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            self.server.patience.wait(5)
            return
        if self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"{}")
            return
        body = {"/large": b" " * (MAX_DOCUMENT_BYTES + 1), "/full": b" " * MAX_DOCUMENT_BYTES}
        status = {"/204": 204, "/404": 404, "/500": 500}.get(self.path, 200)
        self.send_response(status)
        self.end_headers()
        if status != 204:
            self.wfile.write(body.get(self.path, b"here"))

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def odd():
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        server.daemon_threads = True
        server.patience = threading.Event()
        server.paths = []
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        other = f"http://localhost:{server.server_address[1]}"
        server.targets = {
            "/to-here": "/here",
            "/to-other-host": f"{other}/elsewhere",
            "/to-other-port": "http://127.0.0.1:9/elsewhere",
            "/to-other-scheme": f"{server.url.replace('http', 'https')}/elsewhere",
            "/to-file": "file:///etc/hostname",
            "/to-ftp": "ftp://127.0.0.1/elsewhere",
            "/to-itself": "/to-itself",
        }
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.patience.set()
        server.shutdown()


@pytest.mark.parametrize(("path", "size"), [("/here", 4), ("/to-here", 4), ("/full", 1_048_576)])
def test_a_usual_answer_is_returned_whole(odd, path, size):
    assert len(HttpJwks(odd.url + path).fetch()) == size


@pytest.mark.parametrize(
    "path",
    [
        "/large",
        "/short",
        "/204",
        "/404",
        "/500",
        "/to-other-host",
        "/to-other-port",
        "/to-other-scheme",
        "/to-file",
        "/to-ftp",
        "/to-itself",
    ],
)
def test_an_unusual_answer_is_unavailable_and_leads_nowhere(odd, path):
    with pytest.raises(Unavailable):
        HttpJwks(odd.url + path).fetch()
    assert "/elsewhere" not in odd.paths


def test_a_server_that_does_not_finish_is_given_up(odd):
    with pytest.raises(Unavailable):
        HttpJwks(f"{odd.url}/drip", timeout=0.1).fetch()


def test_a_proxy_of_the_environment_is_not_asked_about_loopback(odd, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert HttpJwks(f"{odd.url}/here").fetch() == b"here"


@pytest.mark.parametrize(
    "address",
    [
        "http://issuer.example/keys",
        "http://127.0.0.1.example/keys",
        "http://127.0.0.1@issuer.example/keys",
        "https://user:word@issuer.example/keys",  # pragma: allowlist secret
        "file:///etc/hostname",
        "ftp://127.0.0.1/keys",
        "data:,keys",
        "https:///keys",
        "keys",
        "",
    ],
)
def test_an_address_that_is_not_safe_is_refused_at_once(address):
    with pytest.raises(ValueError):
        HttpJwks(address)


def test_certificates_are_checked():
    """Plain text where TLS is due fails; so would a certificate of a stranger."""
    import ssl
    from urllib.request import HTTPSHandler

    adapter = HttpJwks("https://issuer.example/keys")
    (https,) = [each for each in adapter._opener.handlers if isinstance(each, HTTPSHandler)]
    context = https._context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
