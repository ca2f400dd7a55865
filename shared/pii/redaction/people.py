"""Recognises a person after a title or a role: "Mr. Ashgrove", "Kundin Ilse Brandhuber".

The words after "customer" are mostly a sentence ("Customer states ..."), so a name must be
written as one: capitals first, and not a word of `NOT_NAMES`. Text all in capitals gives no
such sign, so there only a title or an explicit "name:" announces a person.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.folding import squeeze
from shared.pii.redaction.model import Kind
from shared.pii.redaction.scanning import Recogniser, Verdict
from shared.pii.redaction.words import COMMON, NOT_NAMES, ROLE, TITLE

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded
    from shared.pii.redaction.linear import Hit

_TITLES: Final = "|".join(TITLE)
_ROLES: Final = "|".join(ROLE)
_NAME: Final = r"(?:(?:Mc|Mac|[OD]')?[A-Z][a-z]+(?:[\-'][A-Z][a-z]+)?)"
_LOUD: Final = r"(?:[A-Z][A-Z'\-]+)"
_PARTICLE: Final = r"(?:(?:van|von|de|der|den|del|della|di|da|la|le|el|al|bin|zu|zur|ten)[ ]){0,3}"
_FULL: Final = rf"{_PARTICLE}{_NAME}(?:[ ](?:[A-Z]\.?[ ])?{_PARTICLE}{_NAME}){{0,2}}"
_FULL_LOUD: Final = rf"{_LOUD}(?:[ ](?:[A-Z]\.?[ ])?{_LOUD}){{0,1}}"
_SEPARATOR: Final = r"[ \t]{0,2}(?:[:,\-][ \t]{0,2}|[ \t])"

_NO_TITLE_NAMES: Final = NOT_NAMES - COMMON
_WORD: Final = re.compile(rb"[A-Za-z'-]+")


def _after_title(folded: Folded, match: Hit) -> Verdict:
    """Behind a title even "Ford" and "May" are people; "Ms the" is not."""
    span = match.span(1) if match.took(1) else match.span(2)
    return _name_within(folded, span, _NO_TITLE_NAMES)


def _after_role(folded: Folded, match: Hit) -> Verdict:
    """A word that is also a name needs another name behind it: "customer Will Brandhuber"."""
    start, end = match.span(1)
    first, _, rest = folded.lower[start:end].partition(b" ")
    if rest and first.decode() in COMMON:
        following = _name_within(folded, (end - len(rest), end), NOT_NAMES)
        if following is None or following[0] != end - len(rest):
            return None
        return start, following[1], f"{first.decode()} {following[2]}"
    return _name_within(folded, (start, end), NOT_NAMES)


def _name_within(
    folded: Folded, span: tuple[int, int], ends: frozenset[str]
) -> tuple[int, int, str] | None:
    """Keep the words up to the first that is no name."""
    start, end = span
    stretch = folded.cased[start:end]
    kept = count = 0
    words: list[str] = []
    for word in _WORD.finditer(stretch):
        bare = word.group().lower().removesuffix(b"'s").removesuffix(b"'")
        particle = word.group().islower()  # counts only with the name behind it
        if not particle and bare.decode() in ends:
            break
        words.append(squeeze(bare).decode())
        if not particle:
            kept, count = word.start() + len(bare), len(words)
    if kept <= 1:
        return None
    return start, start + kept, " ".join(words[:count])


PEOPLE: Final = (
    Recogniser(
        Kind.PERSON,
        (
            rf"\b(?i:{_TITLES})\b\.?[ \t]{{1,3}}(?:(?i:{_TITLES})\b\.?[ ])?"
            rf"(?:({_FULL})|({_FULL_LOUD}))\b"
        ),
        _after_title,
        cased=True,
    ),
    Recogniser(
        Kind.PERSON,
        (
            rf"\b(?:(?i:{_ROLES})(?:'s)?(?:[ ](?i:name))?(?:[ ](?i:is|was|named|namens|ist))?"
            rf"|(?i:name|named|namens|my name is|mein name ist)){_SEPARATOR}({_FULL})\b"
        ),
        _after_role,
        cased=True,
    ),
    Recogniser(
        Kind.PERSON,
        (rf"\b(?i:{_ROLES})(?:'S)?[ ](?i:name)(?:[ ](?i:is|was))?{_SEPARATOR}({_FULL_LOUD})\b"),
        _after_role,
        cased=True,
    ),
)
