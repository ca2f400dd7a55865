"""The HTTP trigger through a running host (functions-host 3.3)."""

from __future__ import annotations

import json
import socket

import pytest

from local.host import Keys, launch

pytestmark = pytest.mark.xdist_group("host-http")

_KEYS = Keys("master-key", {"default": "host-key"}, {"guarded": {"default": "own-key"}})

_APP = """
import json, os, time

ANY = func.AuthLevel.ANONYMOUS

def shown(req):
    return func.HttpResponse(json.dumps({
        "method": req.method, "url": req.url, "headers": dict(req.headers),
        "query": dict(req.params), "route": dict(req.route_params),
        "body": req.get_body().decode("latin-1"), "pid": os.getpid(),
    }), mimetype="application/json")

@app.route(route="echo/{id:int?}", auth_level=ANY)
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return shown(req)

@app.route(route="traced", auth_level=ANY)
def traced(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({
        "parent": context.trace_context.trace_parent, "name": context.function_name,
        "id": context.invocation_id, "retries": context.retry_context.retry_count,
    }))

@app.route(route="only-get", methods=["GET"], auth_level=ANY)
def only_get(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("got")

@app.route(route="guarded")
def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")

@app.route(route="admins", auth_level=func.AuthLevel.ADMIN)
def admins(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")

@app.route(route="off", auth_level=ANY)
def off(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("on")

@app.route(route="fails", auth_level=ANY)
def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("the-secret-detail")

@app.route(route="none", auth_level=ANY)
def none(req: func.HttpRequest):
    return None

@app.route(route="text", auth_level=ANY)
def text(req: func.HttpRequest) -> str:
    return req.get_body().decode()

@app.route(route="shaped", auth_level=ANY)
async def shaped(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("made", status_code=201, headers={"X-One": "1"})
    response.headers.add("X-One", "2")
    response.headers.add("Set-Cookie", "a=1; Path=/x; HttpOnly; SameSite=Lax; Max-Age=60")
    response.headers.add("Set-Cookie", "b=2; Secure")
    return response

@app.route(route="empty", auth_level=ANY)
def empty(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204)

@app.route(route="bad-header", auth_level=ANY)
def bad_header(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("x", headers={"X-Bad": "gr\\u00fc\\u00df"})

@app.timer_trigger(arg_name="tick", schedule="0 0 0 1 1 *")
def yearly(tick: func.TimerRequest) -> None:
    open(os.environ["RAN"], "w").write(str(tick.past_due))
"""


@pytest.fixture(scope="module")
def host(app, tmp_path_factory):
    folder = tmp_path_factory.mktemp("http")
    source = app(
        folder / "app", _APP, extensions={"http": {"customHeaders": {"X-Served-By": "me"}}}
    )
    env = {
        "AzureWebJobs.off.Disabled": "true",
        "AzureWebJobsStorage": "",
        "RAN": str(folder / "ran"),
    }
    with launch(source, env, keys=_KEYS, arguments=["--verbose"]) as running:
        yield running


@pytest.fixture
def send(host, call):
    def send(method, path, headers=None, body=None):
        return call(host.port, method, path, headers, body)

    return send


def test_header_names_are_lower_case_and_repeated_ones_joined(send):
    headers = [("X-Twice", "a"), ("x-twice", "b"), ("Content-Type", "text/x")]
    seen = send("POST", "/api/echo", headers, b"hi").json()["headers"]
    assert seen["x-twice"] == "a,b"
    assert seen["content-type"] == "text/x"


def test_repeated_query_names_are_joined_and_empty_values_dropped(send):
    seen = send("GET", "/api/echo?a=1&b=&A=2&c&d=x%20y+z").json()["query"]
    assert seen == {"a": "1,2", "d": "x y z"}


def test_url_is_the_one_the_host_saw(send, host):
    url = f"127.0.0.1:{host.port}/api/echo/7?q=%C3%A9"
    seen = send("GET", "/api/echo/7?q=%C3%A9").json()
    assert seen["url"] == f"http://{url}"
    assert seen["route"] == {"id": "7"}


def test_optional_route_parameter_is_left_out_and_a_constraint_is_a_404(send):
    assert send("GET", "/api/echo").json()["route"] == {}
    assert send("GET", "/api/echo/seven").status == 404


def test_body_with_content_length_arrives_whole(send):
    body = bytes(range(256)) * 1024
    assert send("POST", "/api/echo", None, body).json()["body"] == body.decode("latin-1")


def test_body_without_content_length_is_not_forwarded(send, host):
    # functions-host 3.3: a chunked request reaches the function with an empty body
    with socket.create_connection(("127.0.0.1", host.port), timeout=10) as connection:
        connection.sendall(
            b"POST /api/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["body"] == ""


def test_identity_headers_of_a_client_are_stripped(send):
    # functions-host 3.3: the platform alone sets them
    headers = [
        ("X-MS-CLIENT-PRINCIPAL", "x"),
        ("X-MS-Client-Principal-Id", "x"),
        ("X-MS-CLIENT-PRINCIPAL-NAME", "x"),
        ("X-MS-CLIENT-PRINCIPAL-IDP", "x"),
        ("X-MS-TOKEN-AAD-ACCESS-TOKEN", "x"),
        ("X-MS-Other", "kept"),
    ]
    seen = send("GET", "/api/echo", headers).json()["headers"]
    assert [name for name in seen if name.startswith("x-ms-")] == ["x-ms-other"]


def test_method_mismatch_is_404_and_so_is_an_unknown_route(send):
    # functions-host 3.3: 404, not 405; empty body
    for method, path in (("POST", "/api/only-get"), ("GET", "/api/nothing"), ("GET", "/echo")):
        reply = send(method, path)
        assert (reply.status, reply.body) == (404, b"")


def test_all_methods_are_allowed_by_default(send):
    for method in ("GET", "POST", "DELETE", "PATCH", "PUT", "OPTIONS"):
        assert send(method, "/api/echo").json()["method"] == method
    assert send("HEAD", "/api/echo").status == 200


def test_missing_or_wrong_key_is_401_with_nothing_else(send):
    for path in ("/api/guarded", "/api/guarded?code=wrong", "/api/admins?code=host-key"):
        reply = send("GET", path)
        assert (reply.status, reply.body) == (401, b"")
        assert reply.all("www-authenticate") == []


def test_key_opens_from_header_or_query_and_the_header_wins(send):
    for key in ("own-key", "host-key", "master-key"):
        assert send("GET", "/api/guarded", [("x-functions-key", key)]).status == 200
        assert send("GET", f"/api/guarded?code={key}").status == 200
    header = [("x-functions-key", "wrong")]
    assert send("GET", "/api/guarded?code=own-key", header).status == 401
    assert send("GET", "/api/admins?code=master-key").status == 200


def test_disabled_function_is_404_except_for_the_master_key(send):
    assert send("GET", "/api/off").status == 404
    assert send("GET", "/api/off?code=host-key").status == 404
    assert send("GET", "/api/off?code=master-key").status == 200


@pytest.mark.parametrize("path", ["/api/fails", "/api/none", "/api/bad-header"])
def test_failing_function_is_500_with_an_empty_body(send, path):
    # functions-host 3.3; a returned None fails too (section 1)
    reply = send("GET", path)
    assert (reply.status, reply.body) == (500, b"")


def test_response_is_what_the_function_made(send):
    reply = send("GET", "/api/shaped")
    assert (reply.status, reply.body) == (201, b"made")
    assert reply.all("content-type") == ["text/plain; charset=utf-8"]
    # functions-host 1: duplicate headers collapse, the last one wins
    assert reply.all("x-one") == ["2"]


def test_set_cookie_may_repeat(send):
    # functions-host 1: Set-Cookie is the exception
    cookies = send("GET", "/api/shaped").all("set-cookie")
    assert cookies == ["a=1; max-age=60; path=/x; samesite=lax; httponly", "b=2; path=/; secure"]


def test_204_has_no_body_and_head_keeps_its_length(send):
    reply = send("GET", "/api/empty")
    assert (reply.status, reply.body, reply.all("content-length")) == (204, b"", [])
    head = send("HEAD", "/api/shaped")
    assert (head.status, head.body, head.all("content-length")) == (201, b"", ["4"])


@pytest.mark.parametrize(
    ("returned", "status", "body"),
    [
        ("plain", 200, "plain"),
        ('{"a":1}', 200, '{\n  "a": 1\n}'),
        ('{"status": 418, "Body": "tea", "headers": {"X-Pot": "1"}}', 418, "tea"),
        ('{"body": {"a": 1}}', 200, '{"a":1}'),
        ("true", 200, "True"),
        ("12.50", 200, "12.50"),
        ("null", 200, ""),
    ],
)
def test_returned_text_is_read_as_json_and_may_be_a_whole_response(send, returned, status, body):
    # functions-host 3.3: return quirk of `-> str`
    reply = send("POST", "/api/text", None, returned.encode())
    assert (reply.status, reply.body.decode()) == (status, body)
    assert reply.all("content-type") == ["text/plain; charset=utf-8"]
    assert reply.all("x-pot") == (["1"] if status == 418 else [])


def test_custom_headers_of_host_json_are_on_every_response(send):
    for path in ("/api/echo", "/api/nothing", "/api/guarded"):
        assert send("GET", path).all("x-served-by") == ["me"]


def test_trace_of_the_caller_goes_on(send):
    trace = "ab" * 16
    seen = send("GET", "/api/traced", [("traceparent", f"00-{trace}-cccccccccccccccc-01")]).json()
    assert seen["parent"].split("-")[1] == trace
    assert seen["parent"].split("-")[2] != "cccccccccccccccc"
    assert (seen["name"], seen["retries"], len(seen["id"])) == ("traced", 0, 36)


def test_too_long_query_or_url_is_414(send):
    # functions-host 3.3: query string 4096, URL 8192
    assert send("GET", "/api/echo?q=" + "x" * 4000).status == 200
    assert send("GET", "/api/echo?q=" + "x" * 4096).status == 414
    assert send("GET", "/api/" + "x" * 8192).status == 414


def test_home_page_answers_at_the_root(send):
    reply = send("GET", "/")
    assert reply.status == 200
    assert b"<!DOCTYPE html>" in reply.body


def test_admin_endpoints_want_the_master_key(send):
    for path in ("/admin/host/status", "/admin/functions", "/admin/functions/yearly"):
        assert send("GET", path).status == 401
        assert send("GET", f"{path}?code=host-key").status == 401
    master = [("x-functions-key", "master-key")]
    assert send("GET", "/admin/host/status", master).json()["state"] == "Running"
    names = [found["name"] for found in send("GET", "/admin/functions", master).json()]
    assert "yearly" in names
    assert send("GET", "/admin/functions/yearly", master).json()["trigger"] == "timer"
    assert send("GET", "/admin/functions/nobody", master).status == 404


def test_admin_runs_a_function_that_is_not_http(send, eventually, tmp_path_factory, host):
    # functions-host 3.3: POST {"input": …} answers 202 and does not wait
    master = [("x-functions-key", "master-key")]
    assert send("POST", "/admin/functions/yearly", master, b'{"input": ""}').status == 202
    assert send("POST", "/admin/functions/echo", master, b'{"input": ""}').status == 400
    assert send("POST", "/admin/functions/yearly", master, b"[]").status == 400
    eventually(lambda: "yearly succeeded" in host.logs.read_text())


def test_without_storage_http_works_and_the_host_says_what_does_not_run(host):
    assert "note: yearly does not run: the setting AzureWebJobsStorage is missing" in (
        host.logs.read_text()
    )


def test_each_function_is_listed_at_start(host):
    listing = host.logs.read_text()
    assert "echo: http [GET,POST,DELETE,HEAD,PATCH,PUT,OPTIONS] /api/echo/{id:int?}" in listing
    assert "only_get: http [GET] /api/only-get (anonymous)" in listing
    assert "yearly: timer 0 0 0 1 1 *" in listing


def test_logs_hold_no_body_header_or_query(send, host):
    send("POST", "/api/echo?q=query-canary", [("X-Canary", "header-canary")], b"body-canary")
    assert "canary" not in host.logs.read_text()
