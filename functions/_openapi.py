"""The OpenAPI 3.1 description: what `_served` finds, `_answers` promises and contracts declare.

One path per contract: a contract has a schema of its own, which a path parameter could not say.
Nothing here depends on settings, time or the planes that this process serves, so the document is
the same bytes everywhere; `docs/reference/openapi.json` is a copy that tests compare.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from functions import _components as components
from functions._answers import ANSWERS, ErrorClass, View, errors_of
from functions._components import SCHEMAS
from functions._edge import Route
from functions._problems import TYPE_BASE, status_of
from functions._served import Served, routes
from shared.identity.verification import Audience
from shared.ingest.body import BATCHED, STRUCTURED
from shared.ingest.contracts import Contract, shipped
from shared.ingest.schema import Schema, example, record_schemas
from shared.kernel.inbound import JSON, PROBLEM

VERSION = "0.1.0"
"""The version of the interface; a test compares it with the project's."""

_NDJSON = "application/x-ndjson"
_CONTRACT = "{contract}"
_SCHEMES = {Audience.INGEST: "ingestToken", Audience.OPERATORS: "operatorToken"}

_ABOUT = """\
Records in, receipts out. Every request carries a bearer token of the directory; every refusal is \
an RFC 9457 problem with a stable `code`, JSON Pointers and no value of the request. \
`docs/ingest.md` tells the same with examples."""

_TAGS = {
    "data": "The data plane: records in, receipts out.",
    "control": "The control plane: operators, governance and timers.",
    "jobs": "The jobs plane: long work.",
}


@lru_cache(maxsize=1)
def document() -> bytes:
    """Return the description of every route, as JSON."""
    return orjson.dumps(_document())


def _document() -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Opsplane", "version": VERSION, "description": _ABOUT},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "tags": [
            {"name": plane, "description": _TAGS[plane]}
            for plane in dict.fromkeys(served.plane for served in routes())
        ],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "parameters": components.PARAMETERS,
            "headers": components.HEADERS,
            "securitySchemes": components.SECURITY,
        },
    }


def _schemas() -> dict[str, Schema]:
    found: dict[str, Schema] = {
        "CloudEvent": components.CLOUDEVENT,
        "Problem": components.PROBLEM,
        "ProblemItem": components.ITEM,
    }
    accepted = {answers.accepts: None for answers in ANSWERS.values() if answers.accepts}
    models = {
        view.model: None
        for answers in ANSWERS.values()
        for view in answers.views.values()
        if view.model is not None
    }
    _, made = models_json_schema(
        [
            *((model, "validation") for model in accepted),
            *((model, "serialization") for model in models),
        ],
        ref_template=SCHEMAS + "{model}",
    )
    found.update(made["$defs"])
    for contract in shipped().values():
        found.update(record_schemas(contract, SCHEMAS))
    return dict(sorted(found.items()))


def _paths() -> dict[str, Schema]:
    paths: dict[str, Schema] = {}
    for served in routes():
        # A route constraint, such as {id:int}, is the host's business.
        path = re.sub(r"\{(\w+)[^}]*\}", r"{\1}", served.path)
        for contract in shipped().values() if _CONTRACT in path else (None,):
            own = path.replace(_CONTRACT, contract.name) if contract else path
            item = paths.setdefault(own, {})
            for method in served.methods:
                item[method.lower()] = _operation(served, contract)
    return paths


def _operation(served: Served, contract: Contract | None) -> Schema:
    route = served.route
    if route is None:
        raise ValueError(served.function)
    suffix = "_" + re.sub(r"\W", "_", contract.name) if contract else ""
    operation: Schema = {
        "operationId": served.function + suffix,
        "tags": [served.plane],
        "summary": f"{contract.title}: {served.summary}" if contract else served.summary,
        "x-ops-function": served.function,
        "x-ops-route": served.path,
        "x-ops-permission": str(route.needs),
        "security": [{_SCHEMES[route.audience]: []}, {"localKey": []}] if route.audience else [],
        "parameters": _parameters(served, route),
        "responses": _responses(route, served.methods),
    }
    if contract is not None:
        operation["requestBody"] = _body(contract)
    elif accepts := ANSWERS[route.function].accepts:
        operation["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": _reference(accepts)}},
        }
    return operation


def _parameters(served: Served, route: Route) -> list[Schema]:
    names = ["Tenant"] if route.inside_tenant else []
    names += [*ANSWERS[route.function].takes, "Traceparent"]
    inside: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": _segment(name)}
        for name in re.findall(r"\{(\w+)", served.path)
        if name != "contract"
    ]
    return inside + [{"$ref": f"#/components/parameters/{name}"} for name in names]


_SEGMENTS = {
    "receipt_id": "^[0-9a-f]{32}$",
    "run_id": "^run_[0-9a-z]{26}$",
    "approval_id": "^apr_[0-9a-z]{26}$",
}


def _segment(name: str) -> Schema:
    return {"type": "string", "pattern": _SEGMENTS.get(name, ".")}


def _body(contract: Contract) -> Schema:
    reference = {"$ref": SCHEMAS + contract.name}
    shown = example(contract)
    line = orjson.dumps(shown).decode()
    event: Schema = {
        "allOf": [{"$ref": SCHEMAS + "CloudEvent"}],
        "properties": {"data": reference, "data_base64": {"contentSchema": reference}},
    }
    told = {
        "specversion": "1.0",
        "id": "A-17",
        "source": "/sender",
        "type": f"example.{contract.event_class}",
        "data": shown,
    }
    return {
        "required": True,
        "description": "One record as JSON, one record per line as NDJSON, or CloudEvents 1.0 with "
        "a record each, one alone or a list of them. A Content-Length is required. No member name "
        "may appear twice, and no text may hold U+0000.",
        "content": {
            JSON: {"schema": reference},
            _NDJSON: {
                "schema": {"type": "string", "description": "One record per line."},
                "x-ops-item-schema": reference,
                "example": f"{line}\n",
            },
            STRUCTURED: {"schema": event, "example": told},
            BATCHED: {"schema": {"type": "array", "items": event}, "example": [told]},
        },
    }


def _responses(route: Route, methods: tuple[str, ...]) -> dict[str, Schema]:
    found: dict[int, Schema] = {
        status: _view(view) for status, view in ANSWERS[route.function].views.items()
    }
    by_status: dict[int, list[ErrorClass]] = {}
    for error in errors_of(route, methods):
        by_status.setdefault(status_of(error), []).append(error)
    for status, errors in by_status.items():
        problem = _problem(status, errors)
        if status in found:
            found[status]["content"] |= problem["content"]
        else:
            found[status] = problem
    return {str(status): found[status] for status in sorted(found)}


def _view(view: View) -> Schema:
    schema = _reference(view.model) if view.model else {"type": "object"}
    return {
        "description": view.meaning,
        "headers": _headers(("Ops-Call-Id", *view.headers)),
        "content": {JSON: {"schema": schema}},
    }


def _problem(status: int, errors: list[ErrorClass]) -> Schema:
    names = ["Ops-Call-Id"]
    if status == HTTPStatus.UNAUTHORIZED:
        names.append("WWW-Authenticate")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        names.append("Retry-After")
    codes = [error.code for error in errors]
    return {
        "description": "; ".join(f"`{error.code}`: {error.title}" for error in errors),
        "headers": _headers(names),
        "content": {
            PROBLEM: {
                "schema": {
                    "allOf": [{"$ref": SCHEMAS + "Problem"}],
                    "properties": {"code": {"enum": codes}, "status": {"const": status}},
                },
                "examples": {error.code: {"value": _instance(status, error)} for error in errors},
            }
        },
    }


def _instance(status: int, error: ErrorClass) -> Schema:
    return {
        "type": TYPE_BASE + error.code,
        "title": error.title,
        "status": status,
        "code": error.code,
        "call_id": "cal_01kahd0w000000000000000001",
    }


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": SCHEMAS + model.__name__}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
