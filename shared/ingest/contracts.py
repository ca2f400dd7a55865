"""Contracts as data: one TOML file per contract and version, read once."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from shared.ingest.errors import ContractBroken, ContractUnknown
from shared.kernel.canonical import canonical
from shared.pii.blind import IdentifierKind
from shared.pii.redaction import Kind

_FILE = re.compile(r"([a-z][a-z0-9-]*\.v[0-9]+)\.toml")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_CENTS = 2
"""Digits after the point of an amount."""


class FieldClass(StrEnum):
    """Three mutually exclusive classes, decided by field name (000-B)."""

    PII = "pii"
    DETERMINISTIC = "deterministic"
    SEMANTIC = "semantic"


class FieldType(StrEnum):
    """What a field's value may be."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    ENUM = "enum"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a contract. Lengths are in characters, bounds are inclusive."""

    name: str
    field_class: FieldClass
    type: FieldType
    required: bool = False
    kind: Kind | None = None
    minimum: int | None = None
    maximum: int | None = None
    min_length: int = 0
    max_length: int = 1000
    pattern: str | None = None
    scale: int = 0
    values: tuple[str, ...] = ()
    of: str | None = None
    min_items: int = 0
    max_items: int = 1000


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """Fields that together identify a person or a vehicle (D14)."""

    kind: IdentifierKind
    fields: tuple[str, ...]
    strong: bool


@dataclass(frozen=True)
class Contract:
    """A contract, checked against the rules that hold for every contract."""

    name: str
    title: str
    event_class: str
    event_id: tuple[str, ...]
    event_time: str
    per_run: bool
    partition_key: tuple[str, ...]
    partitioning_profile: str
    fields: Mapping[str, Field]
    shapes: Mapping[str, Mapping[str, Field]]
    rules: tuple[Mapping[str, Any], ...]
    identifiers: tuple[IdentifierRule, ...]
    document: Mapping[str, Any]
    """The parsed file, which the policy revision is a digest of."""

    @cached_property
    def guarded(self) -> bool:
        """Tell whether a plain hash of the payload could be guessed back (design 4)."""
        return any(
            field.field_class is not FieldClass.DETERMINISTIC
            for fields in (self.fields, *self.shapes.values())
            for field in fields.values()
        )


def parse(name: str, text: str) -> Contract:
    """Read one contract. Raises `ContractBroken`, naming what is wrong."""
    try:
        contract = _read(name, tomllib.loads(text))
        _check(contract)
    except tomllib.TOMLDecodeError as error:
        raise ContractBroken(f"{name}: not TOML: {error}") from error
    except KeyError as error:
        raise ContractBroken(f"{name}: {error} is missing") from error
    except (TypeError, ValueError) as error:
        # An unknown type, kind or option; the message names it, and a contract is no secret.
        raise ContractBroken(f"{name}: {error}") from error
    return contract


def _read(name: str, document: Mapping[str, Any]) -> Contract:
    shapes = {
        shape: _fields(name, fields, nested=True)
        for shape, fields in document.get("shapes", {}).items()
    }
    return Contract(
        name=name,
        title=document["title"],
        event_class=document["event_class"],
        event_id=tuple(document["event_id"]),
        event_time=document["event_time"],
        per_run=_either(document["dedupe_scope"], "run", "tenant"),
        partition_key=tuple(document["partition_key"]),
        partitioning_profile=document["partitioning_profile"],
        fields=_fields(name, document["fields"], nested=False),
        shapes=shapes,
        rules=tuple(document.get("rules", ())),
        identifiers=tuple(
            IdentifierRule(
                IdentifierKind(rule["kind"]),
                tuple(rule["fields"]),
                _either(rule["strength"], "strong", "weak"),
            )
            for rule in document.get("identifiers", ())
        ),
        document=document,
    )


def _either(text: str, yes: str, no: str) -> bool:
    """Read one of two words; a third one must not pass for the second."""
    if text not in (yes, no):
        raise ValueError(f"{text} is neither {yes} nor {no}")
    return text == yes


def _fields(contract: str, table: Mapping[str, Any], *, nested: bool) -> dict[str, Field]:
    found = {}
    for name, raw in table.items():
        options = dict(raw)
        field = Field(
            name=name,
            field_class=FieldClass(options.pop("class")),
            type=FieldType(options.pop("type")),
            kind=Kind(options.pop("kind").upper()) if "kind" in options else None,
            values=tuple(options.pop("values", ())),
            **options,
        )
        if not _FIELD.fullmatch(name):
            raise ContractBroken(f"{contract}: {name} is not a field name")
        if field.pattern is not None and not _compiles(field.pattern):
            raise ContractBroken(f"{contract}: the pattern of {name} is not one")
        if nested and field.field_class is FieldClass.PII:
            # A list of people in one record has no one subject to seal for.
            raise ContractBroken(f"{contract}: {name} is pii inside a list (PII_INDEXED)")
        if field.field_class is FieldClass.PII and field.type is not FieldType.TEXT:
            raise ContractBroken(f"{contract}: {name} is pii and must be text")
        if field.field_class is FieldClass.SEMANTIC and field.type is not FieldType.TEXT:
            raise ContractBroken(f"{contract}: {name} is semantic and must be text")
        found[name] = field
    return found


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.PatternError:
        return False
    return True


def _check(contract: Contract) -> None:
    _check_roles(contract)
    for rule in contract.identifiers:
        for name in rule.fields:
            field = contract.fields.get(name)
            if field is None or field.field_class is not FieldClass.PII:
                raise ContractBroken(f"{contract.name}: an identifier needs pii fields: {name}")
    for fields in (contract.fields, *contract.shapes.values()):
        for field in fields.values():
            if field.type is FieldType.LIST and field.of not in contract.shapes:
                raise ContractBroken(f"{contract.name}: {field.name} lists an unknown shape")
    for arithmetic in contract.rules:
        _check_rule(contract, arithmetic)


_AMOUNTS = {
    # kind: (members inside the lines of "within", members of the record)
    "product": (("target", "factors"), ()),
    "sum_of_lines": (("field",), ("target",)),
    "sum": ((), ("target", "plus", "minus")),
    "counted": ((), ()),
}


def _check_rule(contract: Contract, rule: Mapping[str, Any]) -> None:
    """Refuse a rule that would never hold or never run: it names fields, and they are amounts."""
    if rule["kind"] not in _AMOUNTS:
        raise ContractBroken(f"{contract.name}: no rule is called {rule['kind']}")
    lines = contract.fields
    for step in rule.get("within", ()):
        found = lines.get(step)
        if found is None or found.type is not FieldType.LIST:
            raise ContractBroken(f"{contract.name}: a rule looks for lines in {step}")
        lines = contract.shapes[found.of or ""]
    inside, outside = _AMOUNTS[rule["kind"]]
    for members, fields in ((inside, lines), (outside, contract.fields)):
        for member in members:
            names = [rule[member]] if isinstance(rule[member], str) else rule[member]
            for name in names:
                # Amounts are reckoned in hundredths, so any other scale would be off by tens.
                if name not in fields or (fields[name].type, fields[name].scale) != (
                    FieldType.DECIMAL,
                    _CENTS,
                ):
                    raise ContractBroken(f"{contract.name}: a rule needs amounts to a cent: {name}")
    if rule["kind"] == "counted":
        counted = lines.get(rule["field"])
        if not rule["within"] or counted is None or counted.type is not FieldType.INTEGER:
            raise ContractBroken(f"{contract.name}: a count needs an integer in lines")


def _check_roles(contract: Contract) -> None:
    """Event id, partition key and event time leave the vault's side: none may be pii."""
    for role, names in (
        ("event_id", contract.event_id),
        ("partition_key", contract.partition_key),
        ("event_time", (contract.event_time,)),
    ):
        if not names:
            raise ContractBroken(f"{contract.name}: {role} names no field")
        for name in names:
            field = contract.fields.get(name)
            if field is None or field.field_class is not FieldClass.DETERMINISTIC:
                raise ContractBroken(f"{contract.name}: {role} needs deterministic fields: {name}")
            if field.type is FieldType.LIST:
                raise ContractBroken(f"{contract.name}: {role} names a list: {name}")
    if not contract.fields[contract.event_id[0]].required:
        raise ContractBroken(f"{contract.name}: the first field of event_id must be required")
    if not any(contract.fields[name].required for name in contract.partition_key):
        # Else a record could have no partition at all (002-B PARTITION_KEY_MISSING).
        raise ContractBroken(f"{contract.name}: no field of partition_key is required")
    time = contract.fields[contract.event_time]
    if not time.required:
        raise ContractBroken(f"{contract.name}: event_time must be required")
    if time.type not in (FieldType.DATE, FieldType.INSTANT):
        raise ContractBroken(f"{contract.name}: event_time is a date or an instant")


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Contract]:
    """Return the contracts that ship with this release, by name such as ``repair-order.v2``."""
    found = {}
    for entry in files("shared.ingest").joinpath("definitions").iterdir():
        if match := _FILE.fullmatch(entry.name):
            found[match[1]] = parse(match[1], entry.read_text(encoding="utf-8"))
    return dict(sorted(found.items()))


def named(name: str) -> Contract:
    """Return one shipped contract. Raises `ContractUnknown`, which tells the nearest names."""
    contracts = shipped()
    if name not in contracts:
        near = difflib.get_close_matches(name, contracts, n=3, cutoff=0.3) or list(contracts)
        raise ContractUnknown(f"No contract of that name; the nearest: {', '.join(near)}")
    return contracts[name]


def policy_document(contracts: Mapping[str, Contract]) -> bytes:
    """Return the canonical text whose digest is the ``policy_rev`` (002-R13).

    It covers the schema policy, the class of every field and the partitioning profiles.
    """
    return canonical(
        {
            "policy": "ingest",
            "contracts": {name: contract.document for name, contract in contracts.items()},
        }
    )
