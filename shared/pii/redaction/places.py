"""Recognises street addresses, English and German, with the city behind them.

"2 miles down the road" and "4 wheel drive" are no addresses: the words between number and
suffix must be able to name a street, and after a suffix that is mostly another word ("drive",
"way", "court") they must be written as names do or a city with its state and code must follow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.model import Kind
from shared.pii.redaction.normal import DIRECTIONS
from shared.pii.redaction.scanning import Recogniser, Verdict
from shared.pii.redaction.states import STATE_CODES
from shared.pii.redaction.words import NOT_STREET_NAMES

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded
    from shared.pii.redaction.linear import Hit

_PLAIN: Final = (
    "street|avenue|ave|road|rd|boulevard|blvd|lane|ln|parkway|pkwy|highway|hwy|terrace|turnpike"
    "|tpke|expressway|expy|freeway|fwy|cir|blvd"
)
# Words of prose and of cars; "st" and "dr" are also titles.
_DOUBTFUL: Final = (
    "st|dr|drive|court|ct|circle|place|pl|way|trail|trl|plaza|square|sq|loop|run|pike|row|path"
    "|crossing|point|ridge|alley|cove|ter"
)
_DOUBTFUL_SET: Final = frozenset(_DOUBTFUL.split("|"))
_MOST_NAMES: Final = 2  # more words before "street" are prose
_DIRECTION: Final = "|".join(DIRECTIONS)
_CODES: Final = "|".join(sorted(STATE_CODES))
_CITY: Final = r"[a-z][a-z.'\-]*(?:[ ][a-z][a-z.'\-]*){0,3}"
_TAIL: Final = (
    rf"(?:,?[ ]{{1,2}}(?:{_CITY}),?[ ]{{1,2}}(?:{_CODES})\b\.?"
    r"(?:,?[ ]{1,2}[0-9]{5}(?:-[0-9]{4})?\b)?)"
)
_SUITE: Final = (
    r"(?:,?[ ](?:apt|apartment|unit|suite|ste|lot)\.?[ ]?#?[a-z0-9\-]{1,6}\b"
    r"|,?[ ]?#[ ]?[a-z0-9\-]{1,6}\b)"
)
_MARKS: Final = b" .,\t\r\n"
_ZIP: Final = re.compile(rb"[0-9]{5}(?:-[0-9]{4})?$")
_GERMAN_STOP: Final = frozenset(
    b"parkplatz sitzplatz stellplatz arbeitsplatz rastplatz schulweg heimweg arbeitsweg bremsweg"
    b" umweg feldweg weg platz strasse landstrasse bundesstrasse hauptplatz deswegen".split()
)


def _english(folded: Folded, match: Hit) -> Verdict:
    start, end = match.span()
    names = match.text(2).replace(b".", b" ").split()
    suffix_end = match.end(3)
    written = folded.cased[match.start(2) : suffix_end]
    tailed = match.took(4)
    located = tailed and _ZIP.search(match.text(4)) is not None
    titled = not written.isupper() and all(not word[:1].islower() for word in written.split())
    if not located and any(name.decode() in NOT_STREET_NAMES for name in names):
        return None
    doubtful = match.text(3).decode() in _DOUBTFUL_SET
    if doubtful and not located and not titled:
        return None
    if not doubtful and not located and len(names) > _MOST_NAMES:
        return None
    if tailed and not located:
        end = match.start(4)  # a state without its code is as likely the word "in" or "or"
    line = folded.lower[start:end].rstrip(_MARKS)
    return start, start + len(line), folded.lower[start:suffix_end]


def _german(folded: Folded, match: Hit) -> Verdict:
    start, end = match.span()
    if match.text(1).lower() in _GERMAN_STOP:
        return None
    return start, end, folded.lower[start : match.end(2)]


def _box(_: Folded, match: Hit) -> Verdict:
    start, end = match.span()
    return start, end, "pobox " + match.text(1).decode()


PLACES: Final = (
    Recogniser(
        Kind.STREET,
        (
            r"\b([0-9]{1,6}[a-z]?(?:-[0-9]{1,4})?),?[ ]{1,2}"
            rf"(?:(?:{_DIRECTION})\b\.?[ ]{{1,2}})?"
            rf"((?:(?:[a-z][a-z'\-]*\.?|[0-9]{{1,3}}(?:st|nd|rd|th))[ ]{{1,2}}){{1,4}}?)"
            rf"({_PLAIN}|{_DOUBTFUL})\b\.?(?:[ ](?:{_DIRECTION})\b\.?)?{_SUITE}?({_TAIL})?"
        ),
        _english,
    ),
    Recogniser(
        Kind.STREET,
        (
            r"\b([A-Z][a-z]{2,}(?:-[A-Z][a-z]+){0,3}(?:-S|s|[ ]S)(?:trasse|tr\.?)"
            r"|[A-Z][a-z]{2,}(?:-[A-Z][a-z]+){0,3}(?:-W|w)eg"
            r"|[A-Z][a-z]{2,}(?:platz|allee|gasse|damm|ufer|steig))[ ]{1,2}"
            r"([0-9]{1,4}(?:[ ]?[a-h]\b)?)(?:-[0-9]{1,4})?\b(?:,[ ]{1,2}[0-9]{5}[ ][A-Z][a-z]+)?"
        ),
        _german,
        cased=True,
    ),
    Recogniser(
        Kind.STREET,
        (r"\b(?:p\.?[ ]?o\.?[ ]box|postfach)[ ]#?([0-9]{1,8})\b"),
        _box,
    ),
)
