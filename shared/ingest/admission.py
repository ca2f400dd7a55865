"""What one valid record becomes: identity, personal part, deterministic part, semantic part.

Pure: no database, no clock. Each function says what it costs, because it runs per record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.ingest.arithmetic import compile_rules
from shared.ingest.contracts import Contract, Field, FieldClass, FieldType
from shared.ingest.shape import Shape
from shared.kernel.canonical import canonical, canonical_checked, digest, keyed_digest
from shared.kernel.clock import instant
from shared.kernel.errors import Item
from shared.kernel.ids import ReceiptId, RunId, TenantId
from shared.pii.blind import Identifier, IdentifierKind, identifier
from shared.pii.redaction import Kind, KnownValue


@dataclass(frozen=True, slots=True)
class Candidate:
    """A valid record on its way through the gate."""

    index: int
    at: str
    """JSON Pointer of the record in its body: empty for a body that is one record."""
    event_id: str
    dedupe_key: bytes
    payload_hash: bytes
    record: Mapping[str, Any] = field(repr=False)

    @property
    def receipt_id(self) -> ReceiptId:
        """Return the id of its receipt: computable again after any crash."""
        return receipt_id_of(self.dedupe_key)


@dataclass(frozen=True, slots=True)
class Parts:
    """A record by class of field."""

    personal: dict[str, str] = field(repr=False)
    deterministic: dict[str, Any] = field(repr=False)
    semantic: dict[str, str] = field(repr=False)
    """Free text by JSON Pointer, because lines hold some of it."""


class Compiled:
    """A contract with everything that can be worked out once."""

    def __init__(self, contract: Contract) -> None:
        """Compile ``contract``."""
        self.contract = contract
        self._shape = Shape(contract)
        self._rules = compile_rules(contract.rules)
        self._personal = _named(contract.fields, FieldClass.PII)
        self._semantic = _named(contract.fields, FieldClass.SEMANTIC)
        self._lists = {
            name: field.of or ""
            for name, field in contract.fields.items()
            if field.type is FieldType.LIST
        }
        self._line_semantic = {
            name: tuple(_named(fields, FieldClass.SEMANTIC))
            for name, fields in contract.shapes.items()
        }
        self._free = _free(contract.fields)
        self._line_free = {name: _free(fields) for name, fields in contract.shapes.items()}
        self._line_lists = {
            name: {
                field.name: field.of or ""
                for field in fields.values()
                if field.type is FieldType.LIST
            }
            for name, fields in contract.shapes.items()
        }
        full_names = [r.fields for r in contract.identifiers if r.kind is IdentifierKind.NAME]
        self._full_names = full_names
        in_full_name = {name for fields in full_names for name in fields}
        self._known = [
            (name, field.kind)
            for name, field in contract.fields.items()
            if field.kind is not None and name not in in_full_name
        ]

    def check(self, record: object) -> tuple[dict[str, Any] | None, tuple[Item, ...]]:
        """Return the normalised record, or ``None`` and what is wrong with it."""
        found, items = self._shape.check(record)
        if found is not None:
            items = tuple(item for rule in self._rules for item in rule(found))
            if items:
                return None, items
        return found, items

    def identify(  # noqa: PLR0913 - what a record's identity depends on
        self,
        index: int,
        at: str,
        record: Mapping[str, Any],
        tenant_id: TenantId,
        run_id: RunId,
        index_key: bytes,
    ) -> Candidate:
        """Return the record with its dedupe key and payload hash: two digests.

        The payload is hashed in normalised form, so that ``1.5`` and ``"1.50"`` are one payload.
        """
        contract = self.contract
        event = [str(record.get(name, "")) for name in contract.event_id]
        payload = canonical_checked({"contract": contract.name, "record": record})
        return Candidate(
            index=index,
            at=at,
            event_id="|".join(event),
            dedupe_key=dedupe_key(contract, tenant_id, run_id, event),
            payload_hash=keyed_digest(index_key, "ops.payload.v1", payload),
            record=record,
        )

    def split(self, record: Mapping[str, Any]) -> Parts:
        """Return the record by class of field."""
        deterministic = dict(record)
        personal = {
            name: deterministic.pop(name) for name in self._personal if name in deterministic
        }
        semantic = {
            "/" + name: deterministic.pop(name) for name in self._semantic if name in deterministic
        }
        for name, shape in self._lists.items():
            if name in deterministic:
                deterministic[name] = self._split_lines(
                    deterministic[name], shape, f"/{name}", semantic
                )
        return Parts(personal, deterministic, semantic)

    def _split_lines(
        self, lines: Sequence[Mapping[str, Any]], shape: str, at: str, semantic: dict[str, str]
    ) -> list[dict[str, Any]]:
        # Names of fields need no escaping in a JSON Pointer.
        free, lists = self._line_semantic[shape], self._line_lists[shape]
        kept = []
        for index, line in enumerate(lines):
            rest = dict(line)
            for name in free:
                if name in rest:
                    semantic[f"{at}/{index}/{name}"] = rest.pop(name)
            for name, inner in lists.items():
                if name in rest:
                    rest[name] = self._split_lines(
                        rest[name], inner, f"{at}/{index}/{name}", semantic
                    )
            kept.append(rest)
        return kept

    def free_texts(self, deterministic: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return the texts of a deterministic part that a sender chose, with JSON Pointers.

        A time, an amount or a word of the contract's own cannot tell of a person, but its digits
        can look like the end of a VIN.
        """
        found = [(f"/{name}", deterministic[name]) for name in self._free if name in deterministic]
        for name, shape in self._lists.items():
            if name in deterministic:
                self._free_lines(deterministic[name], shape, f"/{name}", found)
        return found

    def _free_lines(
        self,
        lines: Sequence[Mapping[str, Any]],
        shape: str,
        at: str,
        found: list[tuple[str, str]],
    ) -> None:
        free, lists = self._line_free[shape], self._line_lists[shape]
        for index, line in enumerate(lines):
            found += [(f"{at}/{index}/{name}", line[name]) for name in free if name in line]
            for name, inner in lists.items():
                if name in line:
                    self._free_lines(line[name], inner, f"{at}/{index}/{name}", found)

    def known_values(self, personal: Mapping[str, str]) -> list[KnownValue]:
        """Return what redaction must find: full names as one value, the rest by kind."""
        known = [
            KnownValue(kind, personal[name])
            for name, kind in self._known
            if personal.get(name) and kind is not None
        ]
        for fields in self._full_names:
            full = " ".join(personal[name] for name in fields if personal.get(name))
            if full:
                known.append(KnownValue(Kind.PERSON, full))
        return known

    def identifiers(self, personal: Mapping[str, str], index_key: bytes) -> tuple[Identifier, ...]:
        """Return the blind indexes of a record; an identifier needs all of its fields."""
        found = (
            identifier(index_key, rule.kind, *(personal[name] for name in rule.fields))
            for rule in self.contract.identifiers
            if all(name in personal for name in rule.fields)
        )
        return tuple(item for item in found if item is not None)

    def event_time(self, record: Mapping[str, Any]) -> str:
        """Return when the event happened: a moment in UTC, or a day as it was given."""
        text: str = record[self.contract.event_time]
        if self.contract.fields[self.contract.event_time].type is FieldType.INSTANT:
            return instant(datetime.fromisoformat(text))
        return text

    def partition_key(self, record: Mapping[str, Any]) -> str:
        """Return the first partition field that the record has."""
        for name in self.contract.partition_key:
            if name in record:
                return str(record[name])
        return ""


def dedupe_key(contract: Contract, tenant_id: TenantId, run_id: str, event: Sequence[str]) -> bytes:
    """Return what an event is known by: tenant, run if the contract says so, class and id."""
    scope = run_id if contract.per_run else ""
    named = canonical([tenant_id, scope, contract.event_class, list(event)])
    return digest("ops.dedupe.v1", named)


def receipt_id_of(dedupe_key: bytes) -> ReceiptId:
    """Return the id of an event's receipt: computable again after any crash."""
    return ReceiptId(dedupe_key[:16].hex())


def record_hash(index_key: bytes, deterministic: bytes, semantic: bytes) -> bytes:
    """Return the keyed digest of what is stored, so that a changed row can be told.

    Both parts are canonical; together they are the canonical form of an object of the two.
    """
    stored = b'{"deterministic":%b,"semantic":%b}' % (deterministic, semantic)
    return keyed_digest(index_key, "ops.record.v1", stored)


def _named(fields: Mapping[str, Field], wanted: FieldClass) -> list[str]:
    return [name for name, field in fields.items() if field.field_class is wanted]


def _free(fields: Mapping[str, Field]) -> tuple[str, ...]:
    """Return the deterministic fields whose text is the sender's."""
    return tuple(
        name
        for name in _named(fields, FieldClass.DETERMINISTIC)
        if fields[name].type is FieldType.TEXT
    )
