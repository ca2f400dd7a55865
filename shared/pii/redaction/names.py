"""Needles of a person: full name both ways round, initials, and each name alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.pii.redaction.folding import squeeze
from shared.pii.redaction.model import RANK_PART, RANK_WHOLE, Kind, KnownValue
from shared.pii.redaction.needle import (
    NO_BREAKS,
    SHORT,
    Needle,
    Shape,
    breaks_of,
    is_common,
    spellings,
)
from shared.pii.redaction.normal import normal_form, person_tokens

_GLUED: Final = 6  # a full name shorter than this needs its blank: "Li Bo" is not "libo"


def person_needles(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    normal = normal_form(Kind.PERSON, folded)
    for spelling in spellings(value.value, folded):
        tokens = person_tokens(spelling)
        if len(tokens) > 1 and value.strong is not False:
            yield from full_names(tokens, normal)
        # Parts of a double name lead to the person too, but the whole token is tried first.
        parts = tokens + [part for token in tokens if b"-" in token for part in token.split(b"-")]
        for part in parts:
            letters = squeeze(part)
            weak = len(letters) <= SHORT or is_common(letters)
            strong = value.strong if value.strong is not None else not weak
            if len(letters) > 1:
                yield _name(letters, normal, _name_breaks(part), RANK_PART, strong=strong)


def full_names(tokens: list[bytes], normal: str = "") -> Iterator[Needle]:
    names = [(squeeze(token), _name_breaks(token)) for token in tokens]
    normal = normal or b" ".join(letters for letters, _ in names).decode(errors="replace")
    first, *middle, last = names
    orders = [[first, last], [last, first]]
    if middle:
        orders += [[first, *middle, last], [last, first, *middle]]
    if len(last[0]) > SHORT and not is_common(last[0]) and first[0][:1].isascii():
        initial = first[0][:1], NO_BREAKS
        orders += [[initial, last], [last, initial]]
    for order in orders:
        yield _joined(order, normal)


def _joined(names: list[tuple[bytes, frozenset[int]]], normal: str) -> Needle:
    letters = b""
    breaks: set[int] = set()
    for name, inner in names:
        breaks.add(len(letters))
        breaks.update(len(letters) + index for index in inner)
        letters += name
    breaks.discard(0)
    glued = len(letters) >= _GLUED and min(len(name) for name, _ in names) > 1
    return Needle(
        letters,
        Kind.PERSON,
        normal,
        Shape.WORDS,
        strong=True,
        rank=RANK_WHOLE,
        breaks=frozenset(breaks),
        glued=glued,
    )


_PARTICLES: Final = tuple(b"mc mac o d de di da la le van von der den del el al st".split())


def _name_breaks(token: bytes) -> frozenset[int]:
    """Where one name may be written apart: "Jean Pierre", "Mc Donald", "O Brien"."""
    letters = squeeze(token)
    breaks = breaks_of(token)
    if letters.startswith(_PARTICLES):
        breaks |= {
            len(particle)
            for particle in _PARTICLES
            if letters.startswith(particle) and len(letters) > len(particle) + SHORT
        }
    return breaks


def _name(
    letters: bytes, normal: str, breaks: frozenset[int], rank: int, *, strong: bool
) -> Needle:
    return Needle(letters, Kind.PERSON, normal, Shape.WORDS, strong, rank, breaks)
