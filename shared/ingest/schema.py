"""What the gate takes and gives, as JSON Schema 2020-12, with an example that it would admit.

A schema tells a sender as much as JSON Schema can say; the gate itself checks with `shape`. They
differ where JSON Schema cannot tell what was written: ``1.0`` is an integer to it, and it has no
exact way to count the digits after the point of a number (of text it does). Rules between fields
stand under ``x-ops-rules``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, RootModel
from pydantic import Field as Described

from shared.ingest.contracts import Contract, Field, FieldClass, FieldType
from shared.pii.redaction import Kind

type Schema = dict[str, Any]

_WHOLE = 2**53 - 1
_DECIMAL = 10**15 - 1
"""A decimal has at most fifteen digits before its point."""
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})$"
)

Digest = Annotated[str, Described(pattern=r"^[0-9a-f]{64}$")]
Instant = Annotated[str, Described(pattern=_INSTANT)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KeyedHash(_Part):
    """A digest under a key of the tenant: equal for equals, and worth nothing to a guesser."""

    algo: Literal["hmac-sha256"]
    hex: Digest


class PolicyRevision(_Part):
    """The policy that held."""

    policy_id: Literal["ingest"]
    content_digest: Digest


class EvidenceRef(_Part):
    """Where the ledger keeps the entry; the dense offset comes with the seal."""

    stream: Literal["admission"]
    entry: Annotated[str, Described(pattern=r"^[0-9a-f]{32}$")]
    offset_kind: Literal["entry"]


class ActorView(_Part):
    """Who sent the record, as the credential proved it; never taken from a payload."""

    actor_id: str
    source_type: Literal["SYSTEM", "HUMAN"]
    auth_mode: Literal["token", "api_key"]
    principal: str


class Provenance(_Part):
    """What code in which configuration decided."""

    service_release_id: str
    environment: str
    config_revision: Digest


class QuarantineRef(_Part):
    """The receipt under which a record is, or was, in quarantine."""

    ref_type: Literal["QUARANTINE"]
    ref_id: Annotated[str, Described(pattern=r"^[0-9a-f]{32}$")]


class _Receipt(_Part):
    """What receipts of every decision say."""

    receipt: Literal["ops.receipt.v1"]
    receipt_id: Annotated[str, Described(pattern=r"^[0-9a-f]{32}$")]
    tenant_id: str
    request_id: str
    call_id: str
    index: Annotated[int, Described(ge=0)]
    event_type: str
    event_class: str
    platform_run_id: str
    run_segment: Annotated[
        int | None,
        Described(ge=1, description="Absent from receipts that are older than run segments."),
    ] = None
    policy_rev: PolicyRevision
    actor: ActorView
    provenance: Provenance


class AdmittedView(_Receipt):
    """The receipt of an admitted record; one that was released names its quarantine."""

    decision: Literal["ADMIT"]
    reason_codes: Annotated[list[str], Described(max_length=0)]
    evidence_refs: Annotated[list[QuarantineRef], Described(max_length=1)]
    event_id: str
    ts_utc: str
    admitted_at_utc: Instant
    payload_hash: KeyedHash
    record_hash: KeyedHash
    dedupe_key: Digest
    partition_key: str
    partitioning_profile_id: str
    eb_ref: EvidenceRef


class QuarantinedView(_Receipt):
    """The receipt of a record that was set aside; it says nothing of what the record held."""

    decision: Literal["QUARANTINE"]
    reason_codes: Annotated[list[str], Described(min_length=1)]
    evidence_refs: Annotated[list[QuarantineRef], Described(min_length=1, max_length=1)]
    decided_at_utc: Instant
    content_hash: KeyedHash


class ReceiptView(
    RootModel[Annotated[AdmittedView | QuarantinedView, Described(discriminator="decision")]]
):
    """A receipt: the text of one ledger row, byte for byte."""


def record_schemas(contract: Contract, base: str) -> dict[str, Schema]:
    """Return the schema of a contract's records, and of each shape it lists, by name.

    References point below ``base``, such as ``#/components/schemas/``.
    """
    name = contract.name
    record = _object(contract.fields, f"{base}{name}.")
    record["title"] = contract.title
    record["x-ops-dedupe"] = {
        "event_class": contract.event_class,
        "event_id": list(contract.event_id),
        "scope": "run" if contract.per_run else "tenant",
    }
    if contract.rules:
        record["x-ops-rules"] = [dict(rule) for rule in contract.rules]
    record["examples"] = [example(contract)]
    shapes = {
        f"{name}.{shape}": _object(fields, f"{base}{name}.")
        for shape, fields in contract.shapes.items()
    }
    return {name: record, **shapes}


def _object(fields: Mapping[str, Field], base: str) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, field in fields.items() if field.required],
        "properties": {name: _property(field, base) for name, field in fields.items()},
    }


def _property(field: Field, base: str) -> Schema:
    schema = _SCHEMAS[field.type](field)
    if field.type is FieldType.LIST:
        schema["items"] = {"$ref": f"{base}{field.of}"}
    if not field.required:
        _or_null(schema)
    schema["x-ops-class"] = field.field_class.value
    if field.kind is not None:
        schema["x-ops-kind"] = field.kind.value.lower()
    return schema


def _or_null(schema: Schema) -> None:
    """Let a schema accept null, which says the same as leaving the field out."""
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    if "anyOf" in schema:
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    else:
        schema["type"] = [schema["type"], "null"]


def _text(field: Field) -> Schema:
    schema: Schema = {"type": "string", "maxLength": field.max_length}
    if shortest := max(field.min_length, 1) if field.required else field.min_length:
        schema["minLength"] = shortest
    if field.pattern:
        schema["pattern"] = f"^(?:{field.pattern})$"
    return schema


def _integer(field: Field) -> Schema:
    return {
        "type": "integer",
        "minimum": -_WHOLE if field.minimum is None else field.minimum,
        "maximum": _WHOLE if field.maximum is None else field.maximum,
    }


def _decimal(field: Field) -> Schema:
    point = rf"(\.[0-9]{{1,{field.scale}}}0*)?" if field.scale else r"(\.0+)?"
    written = f"(0|[1-9][0-9]{{0,14}}){point}"
    least = field.minimum
    # Where nothing may be negative, nothing itself may still be written with a sign.
    signed = f"(-0(\\.0+)?|{written})" if least is not None and least >= 0 else f"-?{written}"
    return {
        "anyOf": [
            {"type": "string", "pattern": f"^{signed}$"},
            {
                "type": "number",
                "minimum": -_DECIMAL if least is None else least,
                "maximum": _DECIMAL if field.maximum is None else field.maximum,
            },
        ],
        "description": f"At most {field.scale} digits after the point; text keeps every digit.",
    }


def _boolean(field: Field) -> Schema:  # noqa: ARG001 - one signature for all
    return {"type": "boolean"}


def _date(field: Field) -> Schema:  # noqa: ARG001
    return {"type": "string", "format": "date", "pattern": _DATE}


def _instant(field: Field) -> Schema:  # noqa: ARG001
    return {"type": "string", "format": "date-time", "pattern": _INSTANT}


def _enum(field: Field) -> Schema:
    return {"type": "string", "enum": list(field.values)}


def _list(field: Field) -> Schema:
    return {"type": "array", "minItems": field.min_items, "maxItems": field.max_items}


_SCHEMAS: dict[FieldType, Callable[[Field], Schema]] = {
    FieldType.TEXT: _text,
    FieldType.INTEGER: _integer,
    FieldType.DECIMAL: _decimal,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.INSTANT: _instant,
    FieldType.ENUM: _enum,
    FieldType.LIST: _list,
}


# examples -----------------------------------------------------------------------------------------

_PERSONAL = {
    Kind.PERSON: "Rosalinde",
    Kind.PHONE: "(206) 555-0117",
    Kind.EMAIL: "rosalinde@mail.example",
    Kind.VIN: "1HGCM82633A004352",
    Kind.PLATE: "KTM 1234",
    Kind.STREET: "12 Willow Street",
    Kind.CITY: "Seattle",
    Kind.STATE: "WA",
    Kind.POSTAL_CODE: "98104",
    Kind.IP: "203.0.113.17",
}
_NARRATIVE = "What was said about it, in the words of whoever said it."
_WORDS = ("A-17", "17", "5411", "US", "EUR", "card_9f2c41d0", "https://docs.example/A-17")
"""The first that a field's pattern takes is its example."""


def example(contract: Contract) -> dict[str, Any]:
    """Return a record of an invented sender that uses every field and that the gate admits."""
    return _example(contract, contract.fields)


def _example(contract: Contract, fields: Mapping[str, Field]) -> dict[str, Any]:
    return {name: _value(contract, field) for name, field in fields.items()}


def _value(contract: Contract, field: Field) -> object:
    if field.type is FieldType.LIST:
        return [_example(contract, contract.shapes[field.of or ""])]
    if field.type is FieldType.TEXT:
        return _words(field)
    return _EXAMPLES[field.type](field)


def _words(field: Field) -> str:
    if field.kind is not None:
        return _PERSONAL[field.kind]
    if field.field_class is FieldClass.SEMANTIC:
        return _NARRATIVE
    return next(word for word in _WORDS if re.fullmatch(field.pattern or ".*", word))


_EXAMPLES: dict[FieldType, Callable[[Field], object]] = {
    FieldType.ENUM: lambda field: field.values[0],
    FieldType.BOOLEAN: lambda _: False,
    FieldType.DATE: lambda _: "2026-11-20",
    FieldType.INSTANT: lambda _: "2026-11-20T08:15:00Z",
    FieldType.INTEGER: lambda field: max(field.minimum or 0, 1),
    # Nothing times nothing is nothing: every rule between amounts holds.
    FieldType.DECIMAL: lambda field: f"{0:.{field.scale}f}",
}
