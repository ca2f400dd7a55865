"""The parts of the OpenAPI document that no code declares: credentials, headers, problems."""

from __future__ import annotations

from typing import Any

SCHEMAS = "#/components/schemas/"

type Part = dict[str, Any]

SECURITY: Part = {
    "ingestToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "RS256; `aud` is INGEST_AAD_AUDIENCE, and the caller's object id is on "
        "INGEST_ALLOWED_CALLER_OBJECT_IDS.",
    },
    "operatorToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "RS256; `aud` is OPS_OPERATOR_AUDIENCE, and the caller's object id is on "
        "OPS_ALLOWED_OPERATOR_OBJECT_IDS.",
    },
    "localKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "A static key in place of a token, for the environment local_parity alone.",
    },
}

PARAMETERS: Part = {
    "Tenant": {
        "name": "Ops-Tenant",
        "in": "header",
        "required": True,
        "description": "The tenant to act for.",
        "schema": {"type": "string", "pattern": "^tnt_[0-9a-z]{26}$"},
    },
    "PolicyRev": {
        "name": "Ops-Policy-Rev",
        "in": "header",
        "required": True,
        "description": "The policy revision that the sender built its records for, as "
        "`GET /v1/policy` tells it; another active one refuses the request.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Names the request: a repeat with the same body gets the stored answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`handling=strict`, the default: every record is admitted, or none.",
        "schema": {"type": "string", "examples": ["handling=strict"]},
    },
    "Traceparent": {
        "name": "traceparent",
        "in": "header",
        "description": "W3C trace context; one is made when it is absent or malformed.",
        "schema": {
            "type": "string",
            "pattern": "^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$",
        },
    },
}

HEADERS: Part = {
    "Ops-Call-Id": {
        "description": "Names this request in logs and evidence; quote it to the operators.",
        "required": True,
        "schema": {"type": "string", "pattern": "^cal_[0-9a-z]{26}$"},
    },
    "Preference-Applied": {
        "description": "The handling that was applied.",
        "schema": {"const": "handling=strict"},
    },
    "Idempotency-Replayed": {
        "description": "There when the answer was given before.",
        "schema": {"const": "true"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the same request is worth sending again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate.",
        "schema": {"const": 'Bearer realm="opsplane"'},
    },
}

PROBLEM: Part = {
    "type": "object",
    "title": "Problem",
    "description": "An RFC 9457 problem. `code` is stable; `detail` is for people and may change.",
    "additionalProperties": False,
    "required": ["type", "title", "status", "code", "call_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": r"^[a-z_]+\.[a-z0-9_]+$"},
        "call_id": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "minItems": 1,
            "description": "What is wrong where.",
            "items": {"$ref": SCHEMAS + "ProblemItem"},
        },
    },
}
ITEM: Part = {
    "type": "object",
    "title": "ProblemItem",
    "additionalProperties": False,
    "required": ["pointer", "code", "detail"],
    "properties": {
        "pointer": {
            "type": "string",
            "format": "json-pointer",
            "description": "The place in the body; in NDJSON its first part is the record.",
        },
        "code": {"type": "string", "pattern": "^[a-z_]+$"},
        "detail": {"type": "string"},
    },
}
