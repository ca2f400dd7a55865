"""``opsplane ingest``: what it takes, whom it speaks for, what it says and how it ends.

The gate is the one in memory behind a real socket; tests/flows/test_send.py has the real one.
"""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from local.issuer import Issuer
from shared.adapters.gate_memory import MemoryGate
from shared.cli import problems
from shared.cli.main import main
from shared.cli.progress import Progress, line_of
from shared.cli.sent import Sent
from shared.client.delivery import Report
from shared.client.ports import Reply
from shared.client.requests import Counters, Stop
from shared.client.tally import Tally
from tests.support.factories import a_complaint

CONTRACT = "vehicle-complaint.v1"


class Door(ThreadingHTTPServer):
    """The gate in memory behind a socket."""

    daemon_threads = True

    def __init__(self) -> None:
        self.gate = MemoryGate()
        self.headers: list[Mapping[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def do_GET(self) -> None:
        self._say(self.server.gate.policy(dict(self.headers)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        contract = self.path.rpartition("/")[2]
        self.server.headers.append(dict(self.headers))
        self._say(self.server.gate.submit(contract, body, dict(self.headers)))

    def _say(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        threading.Thread(target=door.serve_forever, args=(0.01,), daemon=True).start()
        yield door
        door.shutdown()


@dataclass
class Desk:
    """An intake machine: a folder, a few variables, and the program."""

    folder: Path
    door: Door
    capsys: pytest.CaptureFixture[str]
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "complaints.ndjson"

    def write(self, *records: Mapping[str, Any]) -> Path:
        self.file.write_bytes(b"\n".join(map(orjson.dumps, records)))
        return self.file

    def run(self, *words: str, **variables: str) -> tuple[int, str, str]:
        state = () if "check" in words or "-" in words else ("--state", str(self.folder / "state"))
        code = main(["ingest", *words, *state], {**self.variables, **variables})
        out, err = self.capsys.readouterr()
        return code, out, err

    def send(self, *more: str, **variables: str) -> tuple[int, Any]:
        words = ("send", str(self.file), "--contract", CONTRACT, "--json", *more)
        code, out, err = self.run(*words, **variables)
        return code, json.loads(out or err)


@pytest.fixture
def desk(door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    variables = {
        "OPS_INGEST_URL": door.url,
        "OPS_INGEST_TENANT": "tnt_a",
        "OPS_INGEST_TOKEN": "token",
    }
    return Desk(tmp_path, door, capsys, variables)


def test_a_file_goes_in_and_people_read_what_became_of_it(desk: Desk) -> None:
    desk.write(*[a_complaint(n) for n in range(7)])
    code, out, err = desk.run("send", str(desk.file), "--contract", CONTRACT)
    assert (err, code) == ("", 0)
    lines = out.splitlines()
    assert lines[0].split() == ["admitted", "7"]
    assert "line 1: ADMIT " in out
    assert lines[-2].startswith("receipts: ")
    assert lines[-1] == "complete"
    _, out, _ = desk.run("send", str(desk.file), "--contract", CONTRACT)
    assert out.splitlines()[-1] == "complete already; --restart sends it again"


def test_two_sources_never_share_a_receipts_file(desk: Desk) -> None:
    """What one delivery wrote is not cut away by another one."""
    receipts = desk.folder / "all.ndjson"
    desk.write(a_complaint(1), a_complaint(2))
    assert desk.send("--receipts", str(receipts))[0] == 0
    before = receipts.read_bytes()
    other = desk.folder / "other.ndjson"
    other.write_bytes(orjson.dumps(a_complaint(3)))
    words = ("send", str(other), "--contract", CONTRACT, "--json", "--receipts", str(receipts))
    code, out, err = desk.run(*words)
    assert (code, json.loads(out or err)["code"]) == (
        problems.CONFLICT,
        "client.receipts_foreign",
    )
    assert receipts.read_bytes() == before


def test_the_receipts_of_an_earlier_delivery_of_a_file_are_set_aside(desk: Desk) -> None:
    desk.write(a_complaint(1))
    _, first = desk.send()
    kept = Path(first["receipts_file"]).read_bytes()
    desk.write(a_complaint(2))
    _, second = desk.send()
    place = Path(second["receipts_file"])
    assert place.read_bytes() != kept
    assert kept in [file.read_bytes() for file in place.parent.glob("*receipts*")]


def test_a_request_says_whose_it_is_and_how_it_is_meant(desk: Desk) -> None:
    desk.write(a_complaint(1))
    desk.send("--handling", "lenient", "--run", "run_a")
    [headers] = desk.door.headers
    assert headers["Authorization"] == "Bearer token"
    assert headers["Ops-Tenant"] == "tnt_a"
    assert headers["Prefer"] == "handling=lenient"
    assert headers["Ops-Run"] == "run_a"
    assert headers["Ops-Policy-Rev"] == desk.door.gate.policy_rev
    assert headers["Content-Type"] == "application/x-ndjson"


def test_options_win_over_variables(desk: Desk) -> None:
    desk.write(a_complaint(1))
    code, _ = desk.send(
        "--url", desk.door.url, "--tenant", "tnt_b", OPS_INGEST_URL="http://127.0.0.1:9"
    )
    assert code == 0
    assert desk.door.headers[0]["Ops-Tenant"] == "tnt_b"


@pytest.mark.parametrize("missing", ["OPS_INGEST_URL", "OPS_INGEST_TENANT"])
def test_a_gate_and_a_tenant_have_to_be_named(desk: Desk, missing: str) -> None:
    desk.write(a_complaint(1))
    code, told = desk.send(**{missing: ""})
    assert (code, told["code"]) == (problems.INVALID, "cli.unaddressed")


def test_a_credential_is_not_sent_in_clear_text_to_another_machine(desk: Desk) -> None:
    desk.write(a_complaint(1))
    code, told = desk.send(OPS_INGEST_URL="http://gate.example")
    assert (code, told["code"]) == (problems.INVALID, "client.gate_address_unsafe")


class TestCredential:
    """From a file, the environment or the identity here; never from the command line."""

    def test_none_is_a_refusal_that_says_what_to_set(self, desk: Desk) -> None:
        desk.write(a_complaint(1))
        code, told = desk.send(OPS_INGEST_TOKEN="")
        assert (code, told["code"]) == (problems.REFUSED, "client.credential_missing")
        assert "OPS_INGEST_TOKEN" in told["detail"]

    def test_a_file_wins_over_the_environment(self, desk: Desk) -> None:
        desk.write(a_complaint(1))
        (desk.folder / "token").write_text("other\n")
        desk.door.gate.tokens.add("Bearer other")
        assert desk.send("--token-file", str(desk.folder / "token"))[0] == 0
        assert desk.door.headers[0]["Authorization"] == "Bearer other"

    def test_a_static_key_goes_into_its_own_header(self, desk: Desk) -> None:
        desk.write(a_complaint(1))
        desk.door.gate.tokens.add("")
        key = {"OPS_API_KEY": "key"}  # pragma: allowlist secret - nobody's
        assert desk.send(OPS_INGEST_TOKEN="", **key)[0] == 0
        sent = {name.lower(): value for name, value in desk.door.headers[0].items()}
        assert sent["x-api-key"] == "key"
        assert "authorization" not in sent

    def test_an_identity_gets_a_token_for_the_ingest_audience(
        self, desk: Desk, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """000-R12: no secret at all; the platform's endpoint hands out the token."""
        import jwt

        for name, value in issuer.identity_settings().items():
            monkeypatch.setenv(name, value)
        desk.write(a_complaint(1))
        code, told = desk.send(OPS_INGEST_TOKEN="", INGEST_AAD_AUDIENCE="api://ingest")
        # The gate in memory does not know this token; what matters is what it was shown.
        assert (code, told["stopped"]["status"]) == (problems.REFUSED, 401)
        desk.door.gate.tokens = {""}
        seen: list[str] = []

        def policy(headers: Mapping[str, str]) -> Reply:
            seen.append(headers["Authorization"].removeprefix("Bearer "))
            return Reply(404, b"{}")

        monkeypatch.setattr(desk.door.gate, "policy", policy)
        desk.send(OPS_INGEST_TOKEN="", INGEST_AAD_AUDIENCE="api://ingest")
        claims = jwt.decode(seen[0], options={"verify_signature": False})
        assert (claims["aud"], claims["oid"]) == ("api://ingest", issuer.managed_identity)


class TestMapping:
    """A mapping is checked before the first request."""

    def test_every_problem_has_its_place(self, desk: Desk) -> None:
        desk.write(a_complaint(1))
        (desk.folder / "m.yaml").write_text("fields:\n  maker: Make\n  model: {form: x}\n")
        code, told = desk.send("--map", str(desk.folder / "m.yaml"))
        assert (code, told["code"]) == (problems.INVALID, "client.mapping_invalid")
        found = {(error["pointer"], error["code"]) for error in told["errors"]}
        assert ("/fields/maker", "field_unknown") in found
        assert ("/fields/model/form", "key_unknown") in found
        assert ("/fields/odi_number", "field_required") in found
        assert desk.door.headers == []

    @pytest.mark.parametrize(
        ("rule", "place"),
        [
            ("  city: Citty\n", "/fields/city"),
            ("only_if:\n  - {from: Knd, in: [x]}\n", "/only_if"),
        ],
    )
    def test_a_column_that_the_file_lacks_is_told_before_anything_is_sent(
        self, desk: Desk, rule: str, place: str
    ) -> None:
        """Else a field, or the whole file, would be left out and called a success."""
        names = ("odi_number", "make", "model", "model_year", "received_on", "narrative", "city")
        record = a_complaint(1)
        file = desk.folder / "complaints.csv"
        file.write_text(",".join(names) + "\n" + ",".join(str(record[n]) for n in names) + "\n")
        fields = "".join(f"  {name}: {name}\n" for name in names[:-1])
        mapping = desk.folder / "m.yaml"
        mapping.write_text("fields:\n" + fields + rule)
        for command in ("check", "send"):
            words = (command, str(file), "--contract", CONTRACT, "--map", str(mapping), "--json")
            code, out, err = desk.run(*words)
            told = json.loads(out or err)
            assert (code, told["code"]) == (problems.INVALID, "client.mapping_invalid")
            assert any(error["pointer"].startswith(place) for error in told["errors"])
        assert desk.door.headers == []

    def test_a_file_that_is_none_is_told(self, desk: Desk) -> None:
        desk.write(a_complaint(1))
        code, told = desk.send("--map", str(desk.folder / "none.yaml"))
        assert (code, told["code"]) == (problems.INVALID, "client.mapping_invalid")

    def test_a_contract_that_nobody_knows_is_missing(self, desk: Desk) -> None:
        desk.write(a_complaint(1))
        code, _, err = desk.run("send", str(desk.file), "--contract", "vehicle-complain.v1")
        assert code == problems.MISSING
        assert CONTRACT in err

    def test_a_name_without_a_format_needs_one(self, desk: Desk) -> None:
        file = desk.folder / "complaints"
        file.write_bytes(orjson.dumps(a_complaint(1)))
        words = ("send", str(file), "--contract", CONTRACT)
        assert desk.run(*words)[0] == problems.INVALID
        assert desk.run(*words, "--format", "json")[0] == 0


class TestCheck:
    """The dry run."""

    def test_rows_that_do_not_fit_are_counted_and_the_first_are_shown(self, desk: Desk) -> None:
        desk.write(a_complaint(1), a_complaint(2, model_year=12), a_complaint(3, colour="red"))
        code, out, _ = desk.run("check", str(desk.file), "--contract", CONTRACT, "--json")
        told = json.loads(out)
        assert code == problems.FAILED
        assert (told["rows"], told["fit"], told["unfit"]) == (3, 1, 2)
        assert told["problems"] == {"/colour field_unknown": 1, "/model_year below_minimum": 1}
        assert told["first"][0] == {"line": 2, "pointer": "/model_year", "code": "below_minimum"}
        assert desk.door.headers == []

    def test_people_see_places_and_no_values(self, desk: Desk) -> None:
        desk.write(a_complaint(1, model_year="Quastenflosser"))
        code, out, err = desk.run("check", str(desk.file), "--contract", CONTRACT)
        assert code == problems.FAILED
        assert "line 1: /model_year: " in out
        assert "Quastenflosser" not in out + err

    def test_it_needs_neither_a_gate_nor_a_credential(self, desk: Desk) -> None:
        desk.write(a_complaint(1))
        words = ["ingest", "check", str(desk.file), "--contract", CONTRACT]
        assert main(words, {}) == problems.OK


class TestStandardInput:
    """``-``: sent once, not resumed."""

    def test_it_is_sent(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        _feed(monkeypatch, orjson.dumps(a_complaint(1)))
        words = ("send", "-", "--contract", CONTRACT, "--format", "ndjson", "--json")
        code, out, _ = desk.run(*words)
        assert (code, json.loads(out)["admitted"]) == (0, 1)
        assert json.loads(out)["receipts_file"] is None

    @pytest.mark.parametrize("option", ["--restart", "--state=x", "--receipts=x"])
    def test_it_cannot_be_resumed(self, desk: Desk, option: str) -> None:
        words = ("send", "-", "--contract", CONTRACT, "--format", "ndjson", option)
        code, _, err = desk.run(*words)
        assert code == problems.INVALID
        assert "cli.stdin_once" in err


def _feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))


@pytest.mark.parametrize(
    ("stop", "tally", "code"),
    [
        (None, Tally(admitted=1, duplicates=1), problems.OK),
        (None, Tally(admitted=1, refused=1), problems.FAILED),
        (None, Tally(quarantined=1), problems.FAILED),
        (Stop("client.interrupted", ""), Tally(), problems.INTERRUPTED),
        (Stop("client.records_refused", "", 422), Tally(), problems.FAILED),
        (Stop("client.gate_unreachable", ""), Tally(), problems.UNAVAILABLE),
        (Stop("client.source_unreadable", ""), Tally(), problems.INVALID),
        (Stop("client.journal_unwritable", ""), Tally(), problems.FAILED),
        (Stop("ingest.policy_rev_differs", "", 409), Tally(), problems.CONFLICT),
        (Stop("ingest.tenant_suspended", "", 423), Tally(), problems.CONFLICT),
        (Stop("identity.caller_forbidden", "", 403), Tally(), problems.REFUSED),
        (Stop("ingest.tenant_unknown", "", 404), Tally(), problems.MISSING),
        (Stop("http.503", "", 503), Tally(), problems.UNAVAILABLE),
        (Stop("http.429", "", 429), Tally(), problems.UNAVAILABLE),
        (Stop("http.302", "", 302), Tally(), problems.INVALID),
    ],
)
def test_an_end_has_its_exit_code(stop: Stop | None, tally: Tally, code: int) -> None:
    assert Sent(None, Report(tally=tally, stop=stop), "x").exit_code == code  # type: ignore[arg-type]


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_says_how_far_how_fast_and_what_is_waited_for() -> None:
    report = Report(
        tally=Tally(admitted=1500),
        counters=Counters(retries=2, waiting_for="db.unavailable"),
        seconds=3.0,
        share=0.25,
    )
    expected = "1,500 rows, 500/s, 2 retries, waiting: db.unavailable, 25%, 9 s left"
    assert line_of(report) == expected


def test_progress_is_redrawn_on_a_terminal_and_rare_in_a_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    for stream, quiet, expected in (
        (_Screen(), False, 5),
        (_Screen(), True, 5),
        (io.StringIO(), False, 1),
        (io.StringIO(), True, 0),
    ):
        now[0] = 0.0
        progress = Progress(stream, quiet=quiet)
        for second in range(1, 6):
            now[0] = float(second)
            progress.show(Report())
        progress.end()
        assert stream.getvalue().count("0 rows") == expected
        assert ("\r" in stream.getvalue()) == isinstance(stream, _Screen)
