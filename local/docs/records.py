"""Pages about what is recorded: contracts, why a record is refused, facts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from local.docs.markdown import code, codes, page, table
from local.docs.reading import modules
from shared.governance.facts import (
    CALLER,
    CODE,
    CONTRACT,
    DIGEST,
    IDENTIFIER,
    OBJECT_ID,
    FactKind,
    Shape,
)
from shared.ingest import arithmetic, cloudevents, shape
from shared.ingest.body import DUPLICATE_NAME, NOT_A_LIST, TOO_DEEP, TOO_LARGE, UNREADABLE
from shared.ingest.contracts import Contract, Field, FieldClass, FieldType, policy_document, shipped
from shared.kernel import commands
from shared.pii.redaction import LeakCode
from shared.policy.service import revision_of

GATE = {
    UNREADABLE: "the record is not valid JSON in UTF-8",
    DUPLICATE_NAME: "a member name appears twice in one object",
    "not_canonical": "the record holds text that cannot be stored, such as half a surrogate pair",
    TOO_DEEP: "objects and lists are nested deeper than any contract asks for",
    TOO_LARGE: "the record has more bytes than one record may",
    NOT_A_LIST: "a batch of CloudEvents is not a list",
    "payload_hash_mismatch": "this event id was admitted before with another payload",
}
LEAKS = {
    LeakCode.PATTERN: "after redaction, something still looks like personal data",
    LeakCode.SEMANTIC: "after redaction, a value of a pii field is still in free text",
    LeakCode.DETERMINISTIC: "a deterministic field holds a value of one of the record's pii fields",
}
_SHAPES = {
    CALLER: "`unverified` or a hashed caller",
    CODE: "code",
    CONTRACT: "contract",
    DIGEST: "digest",
    IDENTIFIER: "id",
    OBJECT_ID: "object id",
}


def reason_codes() -> dict[str, tuple[str, str]]:
    """Return every reason code of a record: who finds it, and what it means."""
    found = {name: ("parsing and admission", text) for name, text in GATE.items()}
    found |= {name: ("arithmetic", text) for name, text in arithmetic.REASONS.items()}
    found |= {name: ("commands", text) for name, text in commands.REASONS.items()}
    found |= {name: ("shape", text) for name, text in shape.REASONS.items()}
    found |= {name: ("CloudEvents", text) for name, text in cloudevents.REASONS.items()}
    found |= {leak.lower(): ("redaction", text) for leak, text in LEAKS.items()}
    return dict(sorted(found.items()))


def reason_codes_page() -> str:
    """Return the codes of single places in a refused request."""
    return page(
        "Reason codes",
        "The `code` of each entry under `errors` in a problem, beside its JSON Pointer. It says "
        "what is wrong with one place of one record; the problem's own code is in "
        "`error-codes.md`. Neither ever holds a value of the request.",
        table(
            ("code", "found by", "meaning"),
            ((code(name), by, text) for name, (by, text) in reason_codes().items()),
        ),
    )


def facts_page() -> str:
    """Return every kind of fact and what it may hold."""
    modules()
    rows = (
        (
            code(name),
            kind.meaning,
            ", ".join(
                f"{code(attribute)} ({_shape(form)})" for attribute, form in kind.attributes.items()
            ),
        )
        for name, kind in sorted(FactKind.registry.items())
    )
    return page(
        "Governance facts",
        "A fact is written in the transaction of what it tells about. Besides its attributes, it "
        "holds its id, tenant, actor, call, time, environment, release and policy revision; "
        "nothing else fits in. Names are spelled `scope:subject:action`, in the past tense.",
        table(("fact", "meaning", "attributes"), rows),
    )


def _shape(form: Shape) -> str:
    if isinstance(form, re.Pattern):
        return _SHAPES.get(form) or code(form.pattern)
    return "number" if form is int else "yes or no"


def contracts_page() -> str:
    """Return every shipped contract, field by field."""
    contracts = shipped()
    return page(
        "Contracts",
        "What the gate admits. A field's class decides where it goes: `pii` into the vault, "
        "`semantic` through redaction, `deterministic` as it is. An unknown field is refused. An "
        "optional field may be null, which says the same as leaving it out.",
        f"The policy revision of this release is `{revision_of(policy_document(contracts))}`.",
        *(_contract(contract) for contract in contracts.values()),
    )


def _contract(contract: Contract) -> str:
    scope = "platform run" if contract.per_run else "tenant"
    about = (
        f"{contract.title}. An event is named by {codes(contract.event_id)} within the {scope}; "
        f"its time is {code(contract.event_time)}, its partition key "
        f"{codes(contract.partition_key)} ({code(contract.partitioning_profile)})."
    )
    told = [f"## {contract.name}", about, _fields(contract.fields)]
    for name, fields in contract.shapes.items():
        told += [f"### {contract.name}: {name}", _fields(fields)]
    if contract.rules:
        told.append("Rules between fields, to a cent, wherever every field of a rule is given:")
        told.append("\n".join(f"- {_rule(rule)}" for rule in contract.rules))
    if contract.identifiers:
        told.append("Identifiers, kept as keyed digests:")
        told.append(
            "\n".join(
                f"- {rule.kind.value}: {codes(rule.fields)} ({'strong' if rule.strong else 'weak'})"
                for rule in contract.identifiers
            )
        )
    return "\n\n".join(told)


def _fields(fields: Mapping[str, Field]) -> str:
    return table(
        ("field", "class", "type", "required", "bounds"),
        (
            (
                code(name),
                field.field_class.value,
                _type(field),
                "yes" if field.required else "",
                _bounds(field),
            )
            for name, field in fields.items()
        ),
    )


def _type(field: Field) -> str:
    if field.type is FieldType.LIST:
        return f"list of {field.of}"
    if field.field_class is FieldClass.PII and field.kind is not None:
        return f"{field.type.value} ({field.kind.value.lower()})"
    return field.type.value


def _bounds(field: Field) -> str:
    match field.type:
        case FieldType.TEXT:
            least = max(field.min_length, 1) if field.required else field.min_length
            length = f"{least} to {field.max_length} characters"
            return f"{length}, {code(field.pattern)}" if field.pattern else length
        case FieldType.INTEGER | FieldType.DECIMAL:
            return _range(field)
        case FieldType.ENUM:
            return codes(field.values)
        case FieldType.LIST:
            return f"{field.min_items} to {field.max_items} items"
    return ""


def _range(field: Field) -> str:
    parts = []
    if field.minimum is not None:
        parts.append(f"from {field.minimum}")
    if field.maximum is not None:
        parts.append(f"to {field.maximum}")
    if field.type is FieldType.DECIMAL:
        parts.append(f"with {field.scale} digits after the point")
    return " ".join(parts)


def _rule(rule: Mapping[str, object]) -> str:
    def lines(key: str) -> str:
        within = rule.get(key)
        return f" in {code('.'.join(within))}" if isinstance(within, list) and within else ""

    def names(key: str) -> list[str]:
        found = rule.get(key)
        return [code(name) for name in found] if isinstance(found, list) else []

    match rule["kind"]:
        case "product":
            return f"{code(rule['target'])}{lines('within')} = {' * '.join(names('factors'))}"
        case "sum_of_lines":
            return f"{code(rule['target'])} = sum of {code(rule['field'])}{lines('within')}"
        case "sum":
            minus = "".join(f" - {name}" for name in names("minus"))
            return f"{code(rule['target'])} = {' + '.join(names('plus'))}{minus}"
        case "counted":
            return f"{code(rule['field'])}{lines('within')} counts from 1 without a gap"
    raise ValueError(rule["kind"])
