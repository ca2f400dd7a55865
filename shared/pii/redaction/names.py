"""Needles of a person: full name both ways round, initials, and each name alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from shared.pii.redaction.folding import squeeze
from shared.pii.redaction.model import RANK_PART, RANK_WHOLE, Kind, KnownValue
from shared.pii.redaction.needle import (
    COMMON_LETTERS,
    NO_BREAKS,
    SHORT,
    Needle,
    Shape,
    breaks_of,
    spellings,
)
from shared.pii.redaction.normal import normal_form, person_tokens

_PERSON: Final = Kind.PERSON
_WORDS: Final = Shape.WORDS
_GLUED: Final = 6  # a full name shorter than this needs its blank: "Li Bo" is not "libo"


class Name(NamedTuple):
    """One name of a person: its letters, and where it may be written apart."""

    letters: bytes
    breaks: frozenset[int]

    def __repr__(self) -> str:
        """Say nothing: the letters are the value."""
        return "<name>"


class Person:
    """A person in every way to write the name; a full name holds at least one of the `signs`."""

    __slots__ = ("_folded", "_spelled", "_strong", "signs")

    def __init__(self, value: KnownValue, folded: bytes, tokens: list[bytes]) -> None:
        self._folded = folded
        self._strong = value.strong
        self._spelled = [tokens]
        for spelling in spellings(value.value, folded)[1:]:
            self._spelled.append(person_tokens(spelling))
        self.signs = [
            squeeze(part)
            for tokens in self._spelled
            for token in tokens
            for part in token.split(b"-")
        ]

    def needles(self, within: bytes) -> list[Needle]:
        """The spellings that occur among these letters."""
        needles: list[Needle] = []
        normal = ""
        for tokens in self._spelled:
            names = [name_of(token) for token in tokens]
            normal = normal or normal_of(names) or normal_form(Kind.PERSON, self._folded)
            if len(names) > 1 and self._strong is not False:
                needles += full_names(names, normal, within)
            # Parts of a double name lead to the person too, but the whole is tried first.
            for token in tokens:
                if b"-" in token:
                    names += [name_of(part) for part in token.split(b"-")]
            for letters, breaks in names:
                if len(letters) > 1 and letters in within:
                    strong = self._strong
                    if strong is None:
                        strong = len(letters) > SHORT and letters not in COMMON_LETTERS
                    needles.append(
                        Needle(letters, _PERSON, normal, _WORDS, strong, RANK_PART, breaks)
                    )
        return needles


def full_names(names: Sequence[Name], normal: str, within: bytes) -> Iterator[Needle]:
    """The orders of a full name that occur among these letters."""
    first, *middle, last = names
    orders: list[tuple[Name, ...]] = [(first, last), (last, first)]
    if middle:
        orders += [(first, *middle, last), (last, first, *middle)]
    if len(last.letters) > SHORT and last.letters not in COMMON_LETTERS and first.letters[0] < 128:  # noqa: PLR2004 - ASCII
        initial = Name(first.letters[:1], NO_BREAKS)
        orders += [(initial, last), (last, initial)]
    for order in orders:
        letters = b"".join([name.letters for name in order])
        if letters in within:
            normal = normal or normal_of(names)
            breaks, shortest = _breaks_between(order)
            glued = len(letters) >= _GLUED and shortest > 1
            yield Needle(
                letters,
                _PERSON,
                normal,
                _WORDS,
                strong=True,
                rank=RANK_WHOLE,
                breaks=breaks,
                glued=glued,
            )


def normal_of(names: Sequence[Name]) -> str:
    """The normal form of a person with these names."""
    return b" ".join([name.letters for name in names]).decode(errors="replace")


def _breaks_between(names: Sequence[Name]) -> tuple[frozenset[int], int]:
    """Where a full name may be written apart, and how short its shortest name is."""
    breaks: list[int] = []
    start, shortest = 0, _GLUED
    for letters, inner in names:
        if start:
            breaks.append(start)
        if inner:
            breaks += [start + index for index in inner if start + index]
        start += len(letters)
        shortest = min(shortest, len(letters))
    return frozenset(breaks), shortest


_PARTICLES: Final = tuple(b"mc mac o d de di da la le van von der den del el al st".split())


def name_of(token: bytes) -> Name:
    """One name, and where it may be written apart: "Jean Pierre", "Mc Donald", "O Brien"."""
    letters = squeeze(token)
    breaks = breaks_of(token)
    if letters.startswith(_PARTICLES):
        breaks |= {
            len(particle)
            for particle in _PARTICLES
            if letters.startswith(particle) and len(letters) > len(particle) + SHORT
        }
    return Name(letters, breaks)
