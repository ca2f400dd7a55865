"""Commands: what a model takes, and refusals that repeat nothing of what was sent."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field

from shared.kernel.commands import LARGEST, CommandUnfit, CommandUnreadable, read, read_query
from shared.kernel.errors import Oversized, Unsupported
from shared.kernel.inbound import Request


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    word: str


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: Annotated[int, Field(ge=1)] = 1
    parts: list[Part] = []


def request(body: bytes, media_type: str = "application/json") -> Request:
    return Request({"content-type": media_type}, {}, body)


def test_a_command_is_read_with_its_defaults() -> None:
    assert read(Wanted, request(b"{}", "application/json; charset=utf-8")) == Wanted()
    assert read(Wanted, request(b'{"number": 7, "parts": [{"word": "a"}]}')).number == 7


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (b'{"number": 0}', [("/number", "value_unfit")]),
        (b'{"number": null}', [("/number", "value_unfit")]),
        (b'{"wilhelmine": 1}', [("", "field_unknown")]),
        (b'{"parts": [{"word": "a"}, {}]}', [("/parts/1/word", "field_required")]),
        (b'{"parts": [{"word": "a", "quasten": 1}]}', [("/parts/0", "field_unknown")]),
        (b"[]", [("", "value_unfit")]),
        (b"7", [("", "value_unfit")]),
    ],
)
def test_what_does_not_fit_is_told_by_place_and_without_its_name_or_value(
    body: bytes, items: list[tuple[str, str]]
) -> None:
    with pytest.raises(CommandUnfit) as refused:
        read(Wanted, request(body))
    assert [(item.pointer, item.code) for item in refused.value.items] == items
    said = str(refused.value) + repr(refused.value.items)
    assert not any(word in said for word in ("wilhelmine", "quasten"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"number": 1, "number": 2}',
        b'{"parts": [{"word":"a","word":"b"}]}',
        b"[" * 60_000,
    ],
)
def test_what_cannot_be_read_as_one_document_is_refused(body: bytes) -> None:
    with pytest.raises(CommandUnreadable):
        read(Wanted, request(body))


def test_another_media_type_and_a_large_body_are_refused() -> None:
    with pytest.raises(Unsupported):
        read(Wanted, request(b"{}", "text/json"))
    with pytest.raises(Oversized):
        read(Wanted, request(b" " * (LARGEST + 1)))


def test_query_parameters_fit_a_model_too() -> None:
    assert read_query(Wanted, {"number": "7"}).number == 7
    for query, pointer in (({"number": "x"}, "/number"), ({"wilhelmine": "1"}, "")):
        with pytest.raises(CommandUnfit) as refused:
            read_query(Wanted, query)
        assert [item.pointer for item in refused.value.items] == [pointer]
