"""A mapping file: which column of a source becomes which field of a contract.

Small and declarative on purpose: there is nothing to evaluate, so a mapping can be checked wholly
before the first row, and reviewed by somebody who does not program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from shared.client import strict_yaml
from shared.client.errors import MappingInvalid
from shared.client.filters import Test, conditions
from shared.client.reading import Dialect, Format, format_of, known_encoding
from shared.client.rows import Row, Unmappable
from shared.client.rules import Rule, Target, apply, rules, straight
from shared.client.sections import Ask, Problems
from shared.ingest.contracts import Contract
from shared.kernel.canonical import digest_of
from shared.kernel.errors import Item

_SECTIONS = ("contract", "source", "only_if", "drop_if", "fields")
_DIGEST = "ops.client.mapping.v1"
_STRAIGHT = "none"


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """A checked mapping; the same text always has the same digest."""

    contract: Contract
    digest: str
    rules: tuple[Rule, ...] | None
    """``None`` sends a row's own JSON, byte for byte."""
    only_if: tuple[Test, ...] = ()
    drop_if: tuple[Test, ...] = ()
    source: Mapping[str, str] | None = None
    asks: tuple[Ask, ...] = ()
    """The columns that it takes values from."""
    with_others: bool = False
    """Columns that are no field are sent, too: for the gate to refuse, rather than lost."""

    def record(self, row: Row) -> bytes | None:
        """Return what is sent for a row, ``None`` when it is left out. Raises `Unmappable`."""
        if row.problem:
            raise Unmappable(row.problem)
        if self.rules is None and row.raw:
            return row.raw
        if not all(test(row.value) for test in self.only_if):
            return None
        if any(test(row.value) for test in self.drop_if):
            return None
        record = row.value if self.rules is None else apply(self.rules, row.value)
        if self.with_others:
            known = self.contract.fields
            others = {name: value for name, value in row.value.items() if name not in known}
            record = {**record, **{name: value for name, value in others.items() if value}}
        try:
            return orjson.dumps(record)
        except TypeError:
            # Half a surrogate pair, or a number that JSON in 64 bits does not hold.
            raise Unmappable("value_not_sendable") from None

    def dialect(self, name: str, given: str | None) -> Dialect:
        """Return how to read a source. Raises `MappingInvalid` where nobody says its format."""
        settings = dict(self.source or {})
        named = settings.pop("format", None)
        found = Format(given) if given else Format(named) if named else format_of(name)
        if found is None:
            told = "Say how the source is written: --format, or source.format in the mapping"
            raise MappingInvalid(told)
        dialect = Dialect(found)
        if name.lower().removesuffix(".gz").endswith(".tsv"):
            dialect = replace(dialect, delimiter="\t")
        return Dialect(**{**asdict(dialect), **settings})


def load(path: str, contract: Contract) -> RecordMapping:
    """Read a mapping file for a contract. Raises `MappingInvalid` with every problem."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise MappingInvalid("The mapping file cannot be read") from None
    return parse(text, contract)


def parse(text: str, contract: Contract) -> RecordMapping:
    """Read a mapping for a contract. Raises `MappingInvalid` with every problem."""
    try:
        document = strict_yaml.load(text)
    except strict_yaml.NotRead as error:
        raise MappingInvalid(items=(Item("", "yaml", str(error)),)) from None
    problems = Problems()
    found = problems.section(document, ())
    made = _read(found, contract, problems) if found is not None else None
    if problems.items or made is None:
        raise MappingInvalid(items=tuple(problems.items))
    return made


def none_for(contract: Contract, source_format: str | None) -> RecordMapping:
    """Return what stands for no mapping: JSON as it is, CSV with columns named like fields."""
    if source_format == Format.CSV:
        return RecordMapping(contract, _STRAIGHT, straight(contract), with_others=True)
    return RecordMapping(contract, _STRAIGHT, None)


def _read(document: Mapping[str, Any], contract: Contract, problems: Problems) -> RecordMapping:
    problems.known(document, (), _SECTIONS)
    if document.get("contract", contract.name) != contract.name:
        problems.add(("contract",), "contract", f"is not {contract.name}, which is sent")
    source = _source(document.get("source", {}), problems)
    only_if, drop_if = (
        conditions(document[name], (name,), problems) if name in document else ()
        for name in ("only_if", "drop_if")
    )
    fields = problems.section(document.get("fields"), ("fields",))
    target = Target(contract, contract.fields)
    found = rules(fields, target, ("fields",), problems) if fields is not None else ()
    return RecordMapping(
        contract,
        digest_of(_DIGEST, orjson.dumps(document).decode()).hex(),
        found,
        only_if=only_if,
        drop_if=drop_if,
        source=source,
        asks=tuple(problems.asks),
    )


def _source(value: object, problems: Problems) -> dict[str, str]:
    section = problems.section(value, ("source",)) or {}
    problems.known(section, ("source",), ("format", "encoding", "delimiter", "quote", "records"))
    found: dict[str, str] = {}
    for name, given in section.items():
        text = problems.text(given, ("source", name))
        if text is not None:
            found[name] = text
    for name, fits, told in (
        ("format", lambda text: text in set(Format), f"must be one of {', '.join(Format)}"),
        ("encoding", known_encoding, "is no text encoding, such as cp1252"),
        ("delimiter", lambda text: len(text) == 1, "must be one character"),
        ("quote", lambda text: len(text) == 1, "must be one character"),
    ):
        if name in found and not fits(found[name]):
            problems.add(("source", name), name, told)
    return found
