"""Needles of a street line: directions and suffix long, short or left out."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

from shared.pii.redaction.model import RANK_WHOLE, Kind, KnownValue
from shared.pii.redaction.needle import SHORT, Needle, Shape, is_common, spellings
from shared.pii.redaction.normal import DIRECTIONS, STREET_SUFFIXES, normal_form, street_tokens

_LEAST: Final = 6  # letters below which a line of a street says too little
_MOST_ORDERS: Final = 24
_LEADING: Final = re.compile(rb"[0-9]+(?=[ ,])")
_NUMBER: Final = re.compile(rb"[0-9]+(?=[a-z])")


def sign_of_street(folded: bytes) -> bytes:
    """The number a street line starts with: in every spelling of it. Nothing if there is none."""
    number = _LEADING.match(folded)
    return number.group() if number else b""


def street_needles(value: KnownValue, folded: bytes, within: bytes) -> list[Needle]:
    """The spellings that occur among these letters."""
    needles: list[Needle] = []
    normal = ""
    for spelling in spellings(value.value, folded):
        for words in _street_orders(street_tokens(spelling), within):
            letters = b"".join(words)
            if letters not in within:
                continue
            normal = normal or normal_form(Kind.STREET, folded)
            strong = value.strong if value.strong is not None else len(letters) >= _LEAST
            breaks = {*accumulate(map(len, words[:-1])), *_number_ends(letters)}
            needles.append(
                Needle(
                    letters, Kind.STREET, normal, Shape.WORDS, strong, RANK_WHOLE, frozenset(breaks)
                )
            )
    return needles


def _number_ends(letters: bytes) -> list[int]:
    """Between the digits and the letter of "12a"."""
    return [match.end() for match in _NUMBER.finditer(letters)]


def _street_orders(words: list[bytes], within: bytes) -> list[list[bytes]]:
    """Ways to write a street line: with its directions and suffix long, short or left out.

    Of the ways to write a word only those that occur among the letters.
    """
    orders: list[list[bytes]] = [[]]
    for index, word in enumerate(words):
        if index and word in _DIRECTION_ALIASES:
            ways = [*_DIRECTION_ALIASES[word], []]
        elif index and word in _SUFFIX_ALIASES:
            ways = _SUFFIX_ALIASES[word]
        elif len(word) > len("strasse") and word.endswith((b"strasse", b"str")):
            stem = word.removesuffix(b"strasse").removesuffix(b"str")
            ways = [[stem, b"strasse"], [stem, b"str"]]
        elif word in within:
            for order in orders:
                order.append(word)
            continue
        else:
            return []
        ways = [way for way in ways if all(part in within for part in way)]
        orders = [order + way for order in orders for way in ways][:_MOST_ORDERS]
    if len(words) > 2 and words[-1] in _SUFFIX_ALIASES:  # noqa: PLR2004 - number, name, suffix
        name = b"".join(words[1:-1])
        if words[0].isdigit() and len(words[0]) > 1 and len(name) > SHORT and not is_common(name):
            orders.append(words[:-1])
    return orders


def _by_form(table: dict[str, str]) -> dict[bytes, list[list[bytes]]]:
    forms: dict[str, list[list[bytes]]] = {}
    for alias, form in table.items():
        forms.setdefault(form, []).append([alias.encode()])
    return {alias.encode(): forms[form] for alias, form in table.items()}


_SUFFIX_ALIASES: Final = _by_form(STREET_SUFFIXES)
_DIRECTION_ALIASES: Final = _by_form(DIRECTIONS)
