"""Time and size limits through a running host (functions-host 3.3, 3.4)."""

from __future__ import annotations

import http.client
import threading
import time

import pytest

from local.host import launch

pytestmark = pytest.mark.xdist_group("host-limits")

_APP = """
import json, os, threading, time

ANY = func.AuthLevel.ANONYMOUS
finished = threading.Event()

@app.route(route="pid", auth_level=ANY)
def pid(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps([os.getpid(), finished.is_set(), len(req.get_body())]))

@app.route(route="slow", auth_level=ANY)
def slow(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(1.2)
    finished.set()
    return func.HttpResponse("late")

@app.route(route="stuck", auth_level=ANY)
def stuck(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(60)
    return func.HttpResponse("never")

@app.route(route="blocked", auth_level=ANY)
async def blocked(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(60)
    return func.HttpResponse("never")
"""


@pytest.fixture(scope="module")
def host(app, tmp_path_factory):
    source = app(tmp_path_factory.mktemp("limits"), _APP, functionTimeout="00:00:02")
    env = {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000"}
    with launch(source, env, arguments=["--response-limit", "0.6"]) as running:
        yield running


@pytest.fixture
def send(host, call):
    return lambda method, path, body=None: call(host.port, method, path, None, body)


def _pid(send):
    reply = send("GET", "/api/pid")
    return reply.json()[0] if reply.status == 200 else None


def test_body_over_the_limit_is_413(send):
    # functions-host 3.3: FUNCTIONS_REQUEST_BODY_SIZE_LIMIT
    assert send("POST", "/api/pid", b"x" * 1000).json()[2] == 1000
    assert send("POST", "/api/pid", b"x" * 1001).status == 413


def test_caller_gets_no_later_answer_than_the_limit_and_the_function_goes_on(send, eventually):
    # functions-host 3.3: 230 s to respond whatever functionTimeout
    reply = send("GET", "/api/slow")
    assert (reply.status, reply.body) == (504, b"")
    eventually(lambda: send("GET", "/api/pid").json()[1])


@pytest.mark.parametrize("path", ["/api/stuck", "/api/blocked"])
def test_function_timeout_restarts_the_whole_worker(path, host, send, eventually):
    # functions-host 3.4: also when an async function blocks the event loop
    before = _pid(send)
    caller = threading.Thread(target=_ignore_errors, args=(send, "GET", path))
    caller.start()
    after = eventually(lambda: _patient_pid(send, before))
    caller.join()
    assert after != before
    assert "ran longer than functionTimeout" in host.logs.read_text()
    assert "worker 0 ended with status 75; restarting it" in host.logs.read_text()


def _patient_pid(send, before):
    """The worker's process id once it has changed."""
    try:
        found = _pid(send)
    except (OSError, http.client.HTTPException):
        time.sleep(0.1)
        return None
    return found if found != before else None


def _ignore_errors(send, *arguments):
    # Its connection is cut with the worker, or it was answered 504 before.
    try:
        send(*arguments)
    except (OSError, http.client.HTTPException):
        return
