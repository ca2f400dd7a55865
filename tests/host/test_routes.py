"""Route templates and the order in which they are tried (functions-host 3.3)."""

from __future__ import annotations

import pytest

from local.host.engine import EngineError
from local.host.route_templates import TemplateError, parse
from local.host.routes import Routes
from local.host.triggers import METHODS, Function, HTTPTrigger


def _match(template: str, path: str) -> dict[str, str] | None:
    return parse(template).match(path.split("/") if path else [])


def _routes(*templates: str, prefix: str = "api") -> Routes:
    functions = [
        Function(text, text, "req", HTTPTrigger(text, METHODS, "ANONYMOUS"), disabled=False)
        for text in templates
    ]
    return Routes(functions, prefix)


def _name(routes: Routes, path: str) -> str | None:
    found = routes.find("GET", path)
    return found[0].name if found else None


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("cases", "CASES", {}),
        ("cases/{id}", "cases/A b", {"id": "A b"}),
        ("cases/{id}", "cases", None),
        ("cases/{id}", "cases/", None),
        ("cases/{id}", "cases/1/2", None),
        ("cases/{id:int}", "cases/12", {"id": "12"}),
        ("cases/{id:int}", "cases/x", None),
        ("cases/{id:int:min(5)}", "cases/4", None),
        ("cases/{id:int:min(5)}", "cases/5", {"id": "5"}),
        ("cases/{id:guid}", "cases/nope", None),
        ("cases/{id:regex(^[a-z]{{2}}$)}", "cases/ab", {"id": "ab"}),
        ("cases/{id:regex(^[a-z]{{2}}$)}", "cases/abc", None),
        ("cases/{id:length(2,3)}", "cases/abcd", None),
        ("cases/{flag:bool}", "cases/True", {"flag": "True"}),
        ("cases/{id:int?}", "cases", {}),
        ("cases/{id:int?}", "cases/x", None),
        ("cases/{page=1}", "cases", {"page": "1"}),
        ("cases/{page:int=1}", "cases/2", {"page": "2"}),
        ("files/{*rest}", "files/a/b.txt", {"rest": "a/b.txt"}),
        ("files/{*rest}", "files", {}),
        ("files/{name}.{ext}", "files/a.b.txt", {"name": "a.b", "ext": "txt"}),
        ("files/{name}.{ext}", "files/a", None),
    ],
)
def test_template_matches_as_in_aspnet(template, path, values):
    # functions-host 3.3: {id:int}, {x?}, {*rest}, defaults
    assert _match(template, path) == values


def test_optional_parameter_without_a_value_is_left_out():
    # functions-host 3.3
    assert _match("runs/{name?}", "runs") == {}


@pytest.mark.parametrize(
    "template", ["a/{b", "a/{}", "a/{*rest}/b", "a/{b:unknown}", "a//b", "a/{b:min(x)}"]
)
def test_wrong_template_is_refused(template):
    with pytest.raises(TemplateError):
        parse(template)


def test_wrong_template_names_its_function():
    with pytest.raises(EngineError, match="b:unknown"):
        _routes("a/{b:unknown}")


def test_literal_segment_is_preferred_to_a_parameter_whatever_the_order():
    # functions-host 3.3: WebJobsRouteBuilder orders static before parameter segments
    for templates in (("runs/{id}", "runs/latest"), ("runs/latest", "runs/{id}")):
        routes = _routes(*templates)
        assert _name(routes, "/api/runs/latest") == "runs/latest"
        assert _name(routes, "/api/runs/7") == "runs/{id}"


def test_constrained_parameter_is_preferred_and_falls_back():
    routes = _routes("runs/{name}", "runs/{id:int}")
    assert _name(routes, "/api/runs/7") == "runs/{id:int}"
    assert _name(routes, "/api/runs/seven") == "runs/{name}"


def test_catch_all_comes_after_what_is_more_specific():
    routes = _routes("{*rest}", "runs/{id}", "runs")
    assert _name(routes, "/api/runs") == "runs"
    assert _name(routes, "/api/runs/1") == "runs/{id}"
    assert _name(routes, "/api/runs/1/2") == "{*rest}"


def test_empty_prefix_serves_from_the_root():
    routes = _routes("console", prefix="")
    assert _name(routes, "/console") == "console"
    assert _name(routes, "/api/console") is None


def test_trailing_slash_is_ignored_and_an_empty_segment_is_not():
    routes = _routes("runs/{id}")
    assert _name(routes, "/api/runs/1/") == "runs/{id}"
    assert _name(routes, "/api/runs//1") is None
    assert _name(routes, "/api//runs/1") is None


def test_percent_encoding_is_decoded_but_an_encoded_slash_stays():
    routes = _routes("runs/{id}")
    assert routes.find("GET", "/api/runs/a%20b")[1] == {"id": "a b"}
    assert routes.find("GET", "/api/runs/a%2fb%20c")[1] == {"id": "a%2Fb c"}


def test_unknown_paths_do_not_grow_the_candidate_cache():
    routes = _routes("runs/{id}", "{*rest}")
    for number in range(100):
        routes.find("GET", f"/x{number}/y{number}")
        routes.find(f"M{number}", "/api/runs/1")
    assert len(routes._candidates) < 10
