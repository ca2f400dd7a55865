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
        "description": "`handling=strict`, the default: every record is admitted, or none. "
        "`handling=lenient`: each is decided for itself, and what cannot be admitted is held in "
        "quarantine.",
        "schema": {"type": "string", "examples": ["handling=strict", "handling=lenient"]},
    },
    "Run": {
        "name": "Ops-Run",
        "in": "header",
        "description": "The platform run that the records belong to; without it, the tenant's "
        "standing run.",
        "schema": {"type": "string", "pattern": "^run_[0-9a-z]{26}$"},
    },
    "RunKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "Names the run to its opener: a repeat returns the run that is there.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"},
    },
    "QuarantineState": {
        "name": "state",
        "in": "query",
        "description": "Records in this state.",
        "schema": {"enum": ["held", "released", "discarded", "expired"], "default": "held"},
    },
    "QuarantineContract": {
        "name": "contract",
        "in": "query",
        "description": "Records of this contract alone.",
        "schema": {"type": "string", "pattern": r"^[a-z][a-z0-9-]{0,60}\.v[0-9]{1,4}$"},
    },
    "QuarantineLimit": {
        "name": "limit",
        "in": "query",
        "description": "At most so many, oldest first.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    },
    "ApprovalState": {
        "name": "state",
        "in": "query",
        "description": "Approvals in this state alone.",
        "schema": {
            "enum": ["proposed", "approved", "denied", "withdrawn", "expired", "effective"],
        },
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
        "schema": {"enum": ["handling=strict", "handling=lenient"]},
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

_OR_NULL: Part = {"type": ["string", "null"], "minLength": 1}
CLOUDEVENT: Part = {
    "type": "object",
    "title": "CloudEvent",
    "description": "The envelope of CloudEvents 1.0.2 in JSON. It is checked and not kept: what "
    "the gate remembers of an event is the record in its data.",
    "required": ["specversion", "id", "source", "type"],
    "propertyNames": {"pattern": "^([a-z0-9]+|data_base64)$"},
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {
            **_OR_NULL,
            "description": "Must be JSON: `*/json` or `*/*+json`; absent means the same.",
            "pattern": r"^[^/]+/([^;]*\+)?[Jj][Ss][Oo][Nn][ \t]*(;|$)",
        },
        "dataschema": {**_OR_NULL, "format": "uri"},
        "subject": _OR_NULL,
        "time": {**_OR_NULL, "format": "date-time"},
        "data": {"description": "The record."},
        "data_base64": {
            "type": ["string", "null"],
            "description": "The record as padded base64 of its JSON text.",
            "contentEncoding": "base64",
            "contentMediaType": "application/json",
        },
    },
    "additionalProperties": {
        "description": "An extension.",
        "type": ["string", "boolean", "integer", "null"],
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
    },
    # One of the two, and not both; null in data_base64 says the same as leaving it out.
    "oneOf": [
        {"required": ["data"], "properties": {"data_base64": {"type": "null"}}},
        {
            "required": ["data_base64"],
            "properties": {"data_base64": {"type": "string"}, "data": False},
        },
    ],
}
