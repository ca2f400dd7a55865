"""The host as processes: starting, several workers, signals and crashes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from local.host import HostError, launch
from local.host.__main__ import main

pytestmark = pytest.mark.xdist_group("host-process")

_ROOT = Path(__file__).parents[2]

_APP = """
import json, os, time

ANY = func.AuthLevel.ANONYMOUS
time.sleep(float(os.environ.get("IMPORT_SECONDS", "0")))

@app.route(route="who", auth_level=ANY)
def who(req: func.HttpRequest) -> func.HttpResponse:
    names = ("FROM_FILE", "FROM_BOTH", "AZURE_FUNCTIONS_ENVIRONMENT", "WEBSITE_HOSTNAME")
    return func.HttpResponse(json.dumps({
        "pid": os.getpid(), "cwd": os.getcwd(), **{name: os.environ.get(name) for name in names},
    }))

@app.route(route="slow", auth_level=ANY)
def slow(req: func.HttpRequest) -> func.HttpResponse:
    open(os.environ["STARTED"], "w").close()
    time.sleep(float(req.params["seconds"]))
    return func.HttpResponse("done")
"""


@pytest.fixture(scope="module")
def source(app, tmp_path_factory):
    folder = app(tmp_path_factory.mktemp("process") / "app", _APP)
    values = {"FROM_FILE": "file", "FROM_BOTH": "file"}
    (folder / "local.settings.json").write_text(json.dumps({"Values": values}))
    return folder


@pytest.fixture(scope="module")
def host(source):
    with launch(source, {"FROM_BOTH": "environment"}, workers=2) as running:
        yield running


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


def _pids(call, host) -> set[int]:
    found = set()
    for _ in range(60):
        reply = call(host.port, "GET", "/api/who")
        if reply.status == 200:
            found.add(reply.json()["pid"])
    return found


def test_workers_share_one_socket(call, host):
    assert len(host.workers()) == 2
    # Which worker accepts a connection is the kernel's choice; both hold the socket.
    assert _pids(call, host) <= set(host.workers())
    for pid in host.workers():
        listening = psutil.Process(pid).net_connections("tcp")
        assert host.port in {found.laddr.port for found in listening}


def test_environment_wins_over_local_settings(call, host, source):
    seen = call(host.port, "GET", "/api/who").json()
    assert (seen["FROM_FILE"], seen["FROM_BOTH"]) == ("file", "environment")
    assert seen["AZURE_FUNCTIONS_ENVIRONMENT"] == "Development"
    assert seen["WEBSITE_HOSTNAME"] == f"127.0.0.1:{host.port}"
    assert seen["cwd"] == str(source)


def test_dead_worker_is_replaced(call, host, eventually):
    killed, survivor = host.workers()
    os.kill(killed, signal.SIGKILL)
    replaced = eventually(lambda: survivor in host.workers() and killed not in host.workers())
    assert replaced
    assert call(host.port, "GET", "/api/who").status == 200


def test_ready_file_says_what_runs_and_goes_with_the_host(source, tmp_path, eventually):
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "local.host", "--port", "0", "--ready-file", str(ready)]
    log = (tmp_path / "log").open("w")
    with log, subprocess.Popen([*command, "--app-dir", str(source)], cwd=_ROOT, stdout=log) as host:
        eventually(ready.exists)
        document = json.loads(ready.read_text())
        host.send_signal(signal.SIGINT)
        assert host.wait(20) == 0
    assert document["pid"] == host.pid
    assert len(document["workers"]) == 1
    assert [found["name"] for found in document["functions"]] == ["who", "slow"]
    assert f"Host ready on http://127.0.0.1:{document['port']} " in (tmp_path / "log").read_text()
    assert not ready.exists()


def test_request_in_flight_is_finished_on_sigterm(call, source, tmp_path, eventually):
    started = tmp_path / "started"
    replies = []
    with launch(source, {"STARTED": str(started)}) as host:
        caller = threading.Thread(
            target=lambda: replies.append(call(host.port, "GET", "/api/slow?seconds=2"))
        )
        caller.start()
        eventually(started.exists)
        host.process.send_signal(signal.SIGTERM)
        eventually(lambda: _is_refused(host.port))
        # Nobody new is let in, and the one who is in is served.
        assert replies == []
        assert host.process.wait(20) == 0
        caller.join()
    assert replies[0].body == b"done"


def test_second_signal_kills(source, tmp_path, eventually):
    started = tmp_path / "started"
    with (
        launch(source, {"STARTED": str(started)}) as host,
        socket.create_connection(("127.0.0.1", host.port)) as caller,
    ):
        caller.sendall(b"GET /api/slow?seconds=60 HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(started.exists)
        host.process.send_signal(signal.SIGTERM)
        eventually(lambda: _is_refused(host.port))
        host.process.send_signal(signal.SIGTERM)
        # 0 would mean that the grace period ran out instead.
        assert host.process.wait(20) == 1


def test_killed_supervisor_leaves_no_worker_behind(source, eventually):
    with launch(source, workers=2) as host:
        workers = host.workers()
        host.kill()
        eventually(lambda: not any(psutil.pid_exists(pid) for pid in workers))


def test_host_stops_with_the_process_that_launched_it(source):
    with launch(source) as host:
        host.process.stdin.close()
        assert host.process.wait(20) == 0


def test_answer_is_503_while_the_app_is_starting(call, source, eventually):
    # functions-host 3.3
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hosts = []
    starter = threading.Thread(
        target=lambda: hosts.append(launch(source, {"IMPORT_SECONDS": "1.5"}, port=port))
    )
    starter.start()
    replies = []

    def serving() -> bool:
        try:
            replies.append(call(port, "POST", "/api/who", None, b"body"))
        except OSError:
            return False
        return replies[-1].status == 200

    try:
        eventually(serving)
    finally:
        starter.join()
        with hosts[0]:
            pass
    assert replies[0].status == 503
    assert replies[0].body == b"Function host is not running."
    assert {reply.status for reply in replies} == {503, 200}


def test_app_that_does_not_import_ends_the_host_with_the_engines_error(app, tmp_path):
    source = app(tmp_path, "import no_such_module_anywhere")
    with pytest.raises(HostError) as failure:
        launch(source)
    assert "the host ended with status 1" in str(failure.value)
    assert "The function app does not start: ModuleNotFoundError" in str(failure.value)
    assert 'function_app.py", line' in str(failure.value)


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "python -m local.host --port 0 --ready-file" in capsys.readouterr().out


def test_wrong_arguments_are_said_plainly(capsys, source, tmp_path):
    assert main(["--workers", "0"]) == 1
    assert capsys.readouterr().err == "error: --workers must be at least 1\n"
    assert main(["--app-dir", str(tmp_path / "nowhere")]) == 1
    assert "nowhere is not a directory" in capsys.readouterr().err
    assert main(["--app-dir", str(source), "--keys", "env:NO_SUCH_VARIABLE"]) == 1
    assert "the variable is not set" in capsys.readouterr().err


def test_port_in_use_is_said_plainly(capsys, source):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--app-dir", str(source), "--port", str(port)]) == 1
    assert f"error: cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err
