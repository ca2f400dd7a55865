"""CloudEvents 1.0.2 in JSON: the envelope is checked wholly, and the record taken out of it.

Nothing of the envelope is kept. The contract says what an event is called and when it happened;
an envelope repeats that in attributes without a class, and ``subject`` or an extension may name a
person. It is still checked to the end, because a sender whose envelopes are broken has a defect
that should be seen where it arises.

Where the specification leaves room, or its own sources differ:

- A name is ``[a-z0-9]+``, as the specification demands; some SDKs let capitals and underscores
  pass. Names of more than twenty characters are only advised against, and so are taken.
- A number is an integer of 32 bits and is written as one: ``10.0`` is refused.
- Text has no control characters and no noncharacters, and core attributes are not empty.
- ``time`` follows RFC 3339: small ``t`` and ``z``, any number of digits after the point, and a
  leap second where there can be one, which is the last second of a month in UTC.
- ``source`` is a URI reference and ``dataschema`` a URI with its scheme, both by RFC 3986, so in
  ASCII. A schema may have a fragment: the specification's text says no, its JSON Schema yes.
- An attribute that is null is absent. ``data`` that is null is an event about nothing, which no
  contract has a record for; beside ``data_base64`` it is one member too many.
- JSON is what the media type calls so (``*/json``, ``*/*+json``), or what has no media type.
- ``data_base64`` has its padding, no white space and no other spelling (RFC 4648).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import AddressValueError, IPv6Address
from typing import Any, Final

from shared.ingest.shape import pointer
from shared.kernel.errors import Item

type Parse = Callable[[bytes], tuple[Any, Item | None]]
"""Reads a JSON text as strictly as the body around it was read."""


NOT_AN_OBJECT = "cloudevent_not_an_object"
MISSING = "cloudevent_attribute_missing"
TYPE = "cloudevent_attribute_type"
EMPTY = "cloudevent_attribute_empty"
CHARACTER = "cloudevent_attribute_character"
NAME = "cloudevent_attribute_name"
MORE = "cloudevent_more_problems"
VERSION = "cloudevent_version"
SOURCE = "cloudevent_source"
TIME = "cloudevent_time"
SCHEMA = "cloudevent_dataschema"
CONTENT_TYPE = "cloudevent_datacontenttype"
DATA_TWICE = "cloudevent_data_twice"
DATA_MISSING = "cloudevent_data_missing"
NOT_JSON = "cloudevent_data_not_json"
ENCODING = "cloudevent_data_encoding"

REASONS: Final = {
    NOT_AN_OBJECT: "a CloudEvent is an object",
    MISSING: "the CloudEvent lacks this required attribute",
    TYPE: "the attribute must be text; an extension may be true, false or a 32-bit integer, too",
    EMPTY: "the attribute must not be empty",
    CHARACTER: "the attribute holds a control character or a noncharacter",
    NAME: "the name of an attribute has small letters a to z and digits alone",
    MORE: "the CloudEvent has more problems than are listed",
    VERSION: "the version of the specification must be 1.0",
    SOURCE: "the source must be a URI reference (RFC 3986)",
    TIME: "the time must be an RFC 3339 time with its offset",
    SCHEMA: "the schema of the data must be an absolute URI (RFC 3986)",
    CONTENT_TYPE: "the content type of the data must be a media type (RFC 2045)",
    DATA_TWICE: "a CloudEvent has data or data_base64, not both",
    DATA_MISSING: "the CloudEvent has no data, or null, where the contract's record belongs",
    NOT_JSON: "the data must be the contract's record as JSON, and its media type says otherwise",
    ENCODING: "data_base64 must be padded base64 without any other character (RFC 4648)",
}
"""Every reason code of an envelope, with its text."""

_LISTED = 50
_DATA, _ENCODED = "data", "data_base64"
_CORE = frozenset(
    {"id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time"}
)
_REQUIRED = ("id", "source", "specversion", "type")
_NAME = re.compile(r"[a-z0-9]+")
_WORD = re.compile(r"[a-z]{1,20}")
"""Names that a pointer may repeat; any other may be a value in the wrong place."""
_INTEGER = range(-(2**31), 2**31)
_DISALLOWED = re.compile(
    "[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
    )
    + "]"
)


def data_of(event: object, parse: Parse) -> tuple[object | None, tuple[Item, ...]]:
    """Return the record inside an event, or ``None`` and what is wrong, by pointer in the event.

    ``event`` is one parsed CloudEvent whose member names are unique.
    """
    if not isinstance(event, dict):
        return None, (_item("", NOT_AN_OBJECT),)
    items = [*_missing(event), *_attributes(event)]
    record, problem = _data(event, parse)
    if problem is not None:
        items.append(problem)
    if len(items) > _LISTED:
        items[_LISTED:] = [_item("", MORE)]
    return (None if items else record), tuple(items)


def place_of(event: Mapping[str, Any]) -> str:
    """Return the pointer of the member that a readable event has its record in."""
    return pointer((_DATA if event.get(_ENCODED) is None else _ENCODED,))


def _item(at: str, code: str) -> Item:
    return Item(at, code, REASONS[code])


def _missing(event: Mapping[str, Any]) -> Iterator[Item]:
    for name in _REQUIRED:
        if event.get(name) is None:
            yield _item(pointer((name,)), MISSING)


def _attributes(event: Mapping[str, Any]) -> Iterator[Item]:
    for name, value in event.items():
        if name in (_DATA, _ENCODED):
            continue
        if not _NAME.fullmatch(name):
            yield _item("", NAME)
        elif value is not None and (code := _problem(name, value)):
            yield _item(pointer((name,)) if _WORD.fullmatch(name) else "", code)


def _problem(name: str, value: object) -> str | None:
    """Return what is wrong with the value of an attribute."""
    if not isinstance(value, str):
        if name not in _CORE and isinstance(value, int):  # of which true and false are two
            return None if value in _INTEGER else TYPE
        return TYPE
    if name in _CORE and not value:
        return EMPTY
    if _DISALLOWED.search(value):
        return CHARACTER
    found = _FORMS.get(name)
    if found is None:
        return None
    code, holds = found
    return None if holds(value) else code


def _data(event: Mapping[str, Any], parse: Parse) -> tuple[object | None, Item | None]:
    encoded = event.get(_ENCODED)
    code = None
    if encoded is None:
        code = DATA_MISSING if event.get(_DATA) is None else None
    elif _DATA in event:
        code = DATA_TWICE
    if code is not None:
        return None, _item(place_of(event), code)
    if not _is_json(event):
        return None, _item("/datacontenttype", NOT_JSON)
    return (event[_DATA], None) if encoded is None else _unwrapped(encoded, parse)


def _unwrapped(encoded: object, parse: Parse) -> tuple[object | None, Item | None]:
    at = pointer((_ENCODED,))
    raw = _decoded(encoded)
    if raw is None:
        return None, _item(at, ENCODING)
    record, problem = parse(raw)
    if problem is not None:
        # A pointer cannot lead into encoded text.
        return None, Item(at, problem.code, problem.message)
    return record, _item(at, DATA_MISSING) if record is None else None


def _decoded(text: object) -> bytes | None:
    """Return what base64 stands for, or ``None`` if an encoder would have written otherwise."""
    if not isinstance(text, str):
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # The last character may carry bits that stand for nothing, so that four texts are one value.
    return raw if base64.b64encode(raw).decode() == text else None


def _is_json(event: Mapping[str, Any]) -> bool:
    """Tell whether the data is JSON, as far as a media type that is none can say otherwise."""
    found = event.get("datacontenttype")
    match = _MEDIA_TYPE.fullmatch(found) if isinstance(found, str) else None
    if match is None:
        return True
    subtype = match[1].lower()
    return subtype == "json" or subtype.endswith("+json")


# forms of core attributes; every quantifier is possessive, so that each is linear in its text ---

_TOKEN = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]++"  # noqa: S105 - a token of a media type
_MEDIA_TYPE = re.compile(
    rf"{_TOKEN}/({_TOKEN})"
    rf'(?:[ \t]*+;[ \t]*+{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\]|\\.)*+"))*+[ \t]*+'
)
_INSTANT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d++)?+(?:[Zz]|([+-])(\d{2}):(\d{2}))",
    re.ASCII,
)
_URI = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.\-]*+):)?+(?://([^/?#]*+))?+([^?#]*+)(?:\?([^#]*+))?+(?:#(.*+))?+",
    re.DOTALL,
)
_UNRESERVED = r"A-Za-z0-9\-._~!$&'()*+,;="  # with the sub-delims
_ESCAPE = "%[0-9A-Fa-f]{2}"
_PATH = re.compile(rf"(?:[{_UNRESERVED}:@/]++|{_ESCAPE})*+")
_QUERY = re.compile(rf"(?:[{_UNRESERVED}:@/?]++|{_ESCAPE})*+")
_USER = re.compile(rf"(?:[{_UNRESERVED}:]++|{_ESCAPE})*+")
_HOST = re.compile(rf"(?:\[([^\[\]]++)\]|(?:[{_UNRESERVED}]++|{_ESCAPE})*+)(?::[0-9]*+)?+")
_FUTURE = re.compile(rf"[vV][0-9A-Fa-f]++\.[{_UNRESERVED}:]++")

_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MINUTES = 1440
"""Of a day."""


def _is_instant(text: str) -> bool:
    match = _INSTANT.fullmatch(text)
    if match is None:
        return False
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    sign, ahead, and_minutes = match[7] or "+", int(match[8] or 0), int(match[9] or 0)
    if not 1 <= month <= len(_DAYS):
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last = _DAYS[month - 1] + (leap and month == 2)  # noqa: PLR2004 - February
    clocks = (hour <= 23 and minute <= 59 and second <= 60, ahead <= 23 and and_minutes <= 59)  # noqa: PLR2004
    if not (1 <= day <= last and all(clocks)):
        return False
    if second < 60:  # noqa: PLR2004 - the leap second
        return True
    offset = (ahead * 60 + and_minutes) * (-1 if sign == "-" else 1)
    days, minute_of_day = divmod(hour * 60 + minute - offset, _MINUTES)
    # In UTC it may be the day before or the day after; the day before the first is a last one.
    return minute_of_day == _MINUTES - 1 and day + days in (0, last)


def _is_uri_reference(text: str) -> bool:
    match = _URI.fullmatch(text)
    if match is None:
        return False
    scheme, authority, path, query, fragment = match.groups()
    if scheme is None and authority is None and ":" in path.partition("/")[0]:
        # What stands before the colon would be the scheme, and it is not one.
        return False
    return (
        (authority is None or _is_authority(authority))
        and _PATH.fullmatch(path) is not None
        and all(part is None or _QUERY.fullmatch(part) is not None for part in (query, fragment))
    )


def _is_authority(text: str) -> bool:
    user, at, host = text.rpartition("@")
    if at and not _USER.fullmatch(user):
        return False
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    literal = match[1]
    return literal is None or _FUTURE.fullmatch(literal) is not None or _is_ipv6(literal)


def _is_ipv6(text: str) -> bool:
    try:
        return IPv6Address(text).scope_id is None
    except AddressValueError:
        return False


def _is_uri(text: str) -> bool:
    match = _URI.fullmatch(text)
    return match is not None and match[1] is not None and _is_uri_reference(text)


_FORMS: Final[Mapping[str, tuple[str, Callable[[str], bool]]]] = {
    "specversion": (VERSION, lambda text: text == "1.0"),
    "source": (SOURCE, _is_uri_reference),
    "time": (TIME, _is_instant),
    "dataschema": (SCHEMA, _is_uri),
    "datacontenttype": (CONTENT_TYPE, lambda text: _MEDIA_TYPE.fullmatch(text) is not None),
}
