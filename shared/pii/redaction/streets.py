"""Needles of a street line: directions and suffix long, short or left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from shared.pii.redaction.model import RANK_WHOLE, Kind, KnownValue
from shared.pii.redaction.needle import SHORT, Needle, Shape, is_common, spellings
from shared.pii.redaction.normal import DIRECTIONS, STREET_SUFFIXES, normal_form, street_tokens

_LEAST: Final = 6  # letters below which a line of a street says too little
_MOST_ORDERS: Final = 24
_NUMBER: Final = re.compile(rb"[0-9]+(?=[a-z])")


def street_needles(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    normal = normal_form(Kind.STREET, folded)
    for spelling in spellings(value.value, folded):
        for words in _street_orders(street_tokens(spelling)):
            letters = b"".join(words)
            strong = value.strong if value.strong is not None else len(letters) >= _LEAST
            breaks = frozenset(accumulate(map(len, words[:-1]))) | _number_ends(letters)
            yield Needle(letters, value.kind, normal, Shape.WORDS, strong, RANK_WHOLE, breaks)


def _number_ends(letters: bytes) -> frozenset[int]:
    """Between the digits and the letter of "12a"."""
    return frozenset(match.end() for match in _NUMBER.finditer(letters))


def _street_orders(words: list[bytes]) -> list[list[bytes]]:
    """Ways to write a street line: with its directions and suffix long, short or left out."""
    text = [word.decode(errors="replace") for word in words]
    ways: list[list[list[bytes]]] = []
    for index, word in enumerate(text):
        if word in DIRECTIONS and index:
            ways.append([*_DIRECTION_ALIASES[word], []])
        elif word in STREET_SUFFIXES and index:
            ways.append(_SUFFIX_ALIASES[word])
        elif word.endswith(("strasse", "str")) and len(word) > len("strasse"):
            stem = word.removesuffix("strasse").removesuffix("str").encode()
            ways.append([[stem, b"strasse"], [stem, b"str"]])
        else:
            ways.append([[words[index]]])
    orders: list[list[bytes]] = [[]]
    for choices in ways:
        orders = [order + choice for order in orders for choice in choices][:_MOST_ORDERS]
    if len(text) > 2 and text[-1] in STREET_SUFFIXES:  # noqa: PLR2004 - number, name, suffix
        name = b"".join(words[1:-1])
        if words[0].isdigit() and len(words[0]) > 1 and len(name) > SHORT and not is_common(name):
            orders.append(words[:-1])
    return orders


def _by_form(table: dict[str, str]) -> dict[str, list[list[bytes]]]:
    forms: dict[str, list[list[bytes]]] = {}
    for alias, form in table.items():
        forms.setdefault(form, []).append([alias.encode()])
    return {alias: forms[form] for alias, form in table.items()}


_SUFFIX_ALIASES: Final = _by_form(STREET_SUFFIXES)
_DIRECTION_ALIASES: Final = _by_form(DIRECTIONS)
