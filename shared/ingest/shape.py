"""A contract compiled into a validator: built once, strict, and silent about values.

pydantic-core does the work in Rust. Its errors become `Item`s with our own stable codes, a JSON
Pointer and no value; an unknown field is answered with the nearest names the contract knows.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, LiteralString

from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError, core_schema

from shared.ingest.contracts import Contract, Field, FieldType
from shared.kernel.errors import Item

_CODES = {
    "missing": ("field_required", "the field is required"),
    "extra_forbidden": ("field_unknown", "the contract has no such field"),
    "string_type": ("type_text", "must be text"),
    "int_type": ("type_integer", "must be a whole number"),
    "int_parsing_size": ("above_maximum", "the number is too large"),
    "bool_type": ("type_boolean", "must be true or false"),
    "dict_type": ("type_object", "must be an object"),
    "list_type": ("type_list", "must be a list"),
    "string_too_long": ("too_long", "the text is too long"),
    "string_too_short": ("too_short", "the text is too short"),
    "string_pattern_mismatch": ("pattern", "the text does not have the form of this field"),
    "literal_error": ("not_one_of", "must be one of the contract's values"),
    "greater_than_equal": ("below_minimum", "the number is below the minimum"),
    "less_than_equal": ("above_maximum", "the number is above the maximum"),
    "too_short": ("too_few", "the list has too few items"),
    "too_long": ("too_many", "the list has too many items"),
}
REASONS = dict(_CODES.values()) | {
    "type_decimal": "must be a decimal number, as a number or as text",
    "scale": "the decimal has more digits after the point than the field keeps",
    "type_date": "must be a calendar date, such as 2026-11-21",
    "type_instant": "must be an RFC 3339 time with its offset, such as 2026-11-21T08:00:00Z",
    "nul": "the text holds U+0000, which cannot be stored",
    "more_problems": "the record has more problems than are listed",
}
"""Every reason code of a field, with its text."""

_KNOWN_NAMES = 5
_LISTED = 50
"""Most problems that are listed of one record; looking for near names is not cheap."""
_LONGEST_NAME = 63
# Words with a short index, such as ``op_code_2_1``: a number plate in lower case is not one.
_NAME = re.compile(r"[a-z]+(?:_[a-z]+)*(?:_?[0-9]{1,3})?(?:_[0-9]{1,3})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII
)
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})(?:\.([0-9]+))?")


class Shape:
    """The compiled form of one contract."""

    def __init__(self, contract: Contract) -> None:
        """Compile ``contract``."""
        self._contract = contract
        definitions = {name: _object(fields) for name, fields in contract.shapes.items()}
        self._validator = SchemaValidator(
            core_schema.definitions_schema(
                _object(contract.fields),
                [{**schema, "ref": name} for name, schema in definitions.items()],
            )
            if definitions
            else _object(contract.fields)
        )

    def check(self, record: object) -> tuple[dict[str, Any] | None, tuple[Item, ...]]:
        """Return the normalised record, or ``None`` and what is wrong with it.

        Normalised: absent for null, decimals as text with the field's scale, everything else as
        it came.
        """
        try:
            found: dict[str, Any] = self._validator.validate_python(record)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            items = tuple(self._item(problem) for problem in problems[:_LISTED])
            if len(problems) > _LISTED:
                items += (Item("", "more_problems", REASONS["more_problems"]),)
            return None, items
        return _without_null(found), ()

    def _item(self, problem: Any) -> Item:
        path: Sequence[str | int] = problem["loc"]
        kind: str = problem["type"]
        code, message = _CODES.get(kind, (kind, ""))
        message = message or REASONS.get(kind, "the value does not fit")
        if code == "field_unknown":
            unknown = str(path[-1])
            path = path[:-1]
            if len(unknown) <= _LONGEST_NAME:
                near = _nearest(unknown, self._known(path))
                if near:
                    message += "; nearest: " + ", ".join(near)
                if _NAME.fullmatch(unknown):
                    # Any other key may be a value in the wrong place, and is not repeated.
                    path = (*path, unknown)
        return Item(pointer(path), code, message)

    def _known(self, path: Sequence[str | int]) -> tuple[str, ...]:
        fields: Mapping[str, Field] = self._contract.fields
        for step in path:
            if isinstance(step, str) and (field := fields.get(step)) and field.of:
                fields = self._contract.shapes[field.of]
        return tuple(fields)


def normalised(field: Field, value: object) -> object:
    """Return the value of one field as a record would keep it; ``None`` for what is absent.

    Raises ``ValueError``, whose text is nobody's to read, for a value that no record could have.
    """
    return SchemaValidator(_value(field)).validate_python(value)


@lru_cache(maxsize=1024)
def _nearest(unknown: str, known: tuple[str, ...]) -> list[str]:
    """Return the names most like an unknown one; a renamed column asks for every record."""
    return difflib.get_close_matches(unknown, known, _KNOWN_NAMES, 0.5)


@lru_cache(maxsize=64)
def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def pointer(path: Sequence[str | int]) -> str:
    """Return the JSON Pointer (RFC 6901) of a path."""
    return "".join(f"/{_escaped(step) if isinstance(step, str) else step}" for step in path)


def _object(fields: Mapping[str, Field]) -> core_schema.CoreSchema:
    return core_schema.typed_dict_schema(
        {
            name: core_schema.typed_dict_field(_value(field), required=field.required)
            for name, field in fields.items()
        },
        extra_behavior="forbid",
        strict=True,
    )


def _value(field: Field) -> core_schema.CoreSchema:
    schema = _BUILDERS[field.type](field)
    # An optional field may be null, which says the same as leaving it out.
    return schema if field.required else core_schema.nullable_schema(schema)


def _text(field: Field) -> core_schema.CoreSchema:
    return core_schema.str_schema(
        strict=True,
        min_length=max(field.min_length, 1) if field.required else field.min_length,
        max_length=field.max_length,
        pattern=f"^(?:{field.pattern})$" if field.pattern else None,
    )


def _integer(field: Field) -> core_schema.CoreSchema:
    limit = 2**53 - 1
    return core_schema.int_schema(
        strict=True,
        ge=-limit if field.minimum is None else field.minimum,
        le=limit if field.maximum is None else field.maximum,
    )


def _decimal(field: Field) -> core_schema.CoreSchema:
    scale, minimum, maximum = field.scale, field.minimum, field.maximum
    unit = 10**scale
    # What is written in full already, and out of no bounds, is itself: most amounts are.
    full = re.compile(rf"[1-9][0-9]{{0,14}}\.[0-9]{{{scale}}}").fullmatch if scale else None
    unbounded = full is not None and maximum is None and (minimum is None or minimum <= 1)

    def check(value: object) -> str:
        if unbounded and type(value) is str and full is not None and full(value):
            return value
        # Shortest round-trip text of a float is what the sender wrote, up to 15 digits.
        kind = type(value)
        text = str(value) if kind is str else repr(value) if kind in (int, float) else ""
        match = _DECIMAL.fullmatch(text)
        if match is None:
            raise PydanticCustomError("type_decimal", "not a decimal")
        fraction = (match[2] or "").rstrip("0")
        if len(fraction) > scale:
            raise PydanticCustomError("scale", "too many digits")
        whole = match[0].partition(".")[0]
        units = int(f"{whole}{fraction:0<{scale}}")
        # Zero has one spelling, or "-0" and "0" would be two payloads.
        whole = whole if units else "0"
        if minimum is not None and units < minimum * unit:
            raise PydanticCustomError("greater_than_equal", "out of bounds")
        if maximum is not None and units > maximum * unit:
            raise PydanticCustomError("less_than_equal", "out of bounds")
        return f"{whole}.{fraction:0<{scale}}" if scale else whole

    return core_schema.no_info_plain_validator_function(check)


def _boolean(field: Field) -> core_schema.CoreSchema:  # noqa: ARG001 - one signature for all
    return core_schema.bool_schema(strict=True)


def _calendar(
    form: re.Pattern[str], read: Callable[[str], object], code: LiteralString
) -> Callable[[Field], core_schema.CoreSchema]:
    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise PydanticCustomError(code, "wrong form")
        try:
            read(value)
        except (ValueError, OverflowError):
            raise PydanticCustomError(code, "no such day or time") from None
        return value

    def build(field: Field) -> core_schema.CoreSchema:  # noqa: ARG001
        return core_schema.no_info_after_validator_function(
            check, core_schema.str_schema(strict=True)
        )

    return build


def _moment(text: str) -> datetime:
    # In UTC, because receipts tell it so and the first and last day have no room for an offset.
    return datetime.fromisoformat(text).astimezone(UTC)


def _enum(field: Field) -> core_schema.CoreSchema:
    return core_schema.literal_schema(list(field.values))


def _list(field: Field) -> core_schema.CoreSchema:
    return core_schema.list_schema(
        core_schema.definition_reference_schema(field.of or ""),
        strict=True,
        min_length=field.min_items,
        max_length=field.max_items,
        fail_fast=False,
    )


_BUILDERS: dict[FieldType, Callable[[Field], core_schema.CoreSchema]] = {
    FieldType.TEXT: _text,
    FieldType.INTEGER: _integer,
    FieldType.DECIMAL: _decimal,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _calendar(_DATE, date.fromisoformat, "type_date"),
    FieldType.INSTANT: _calendar(_INSTANT, _moment, "type_instant"),
    FieldType.ENUM: _enum,
    FieldType.LIST: _list,
}


def _without_null(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [_without_null(item) for item in value] if type(value) is list else value
        for name, value in record.items()
        if value is not None
    }
