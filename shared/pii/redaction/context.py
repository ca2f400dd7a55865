"""When a weak value counts: a cue before it, or another value of the record beside it.

"May", "Lee" and "62701" say too little alone. After "Mr", after "spoke with", beside the last
name or between city and state they say enough. A weak name must be written as a name, too:
with a capital; for a common word the cue must be one that only a person follows, and where
everything is in capitals only a title or an explicit "name" will do.
"""

from __future__ import annotations

import re
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.linear import Linear
from shared.pii.redaction.model import Found, Kind
from shared.pii.redaction.words import COMMON, ROLE, TITLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.pii.redaction.folding import Folded

_PLACE: Final = itemgetter(0, 1)
_REACH: Final = 32
_GAP: Final = 4
ADDRESS: Final = frozenset({Kind.STREET, Kind.CITY, Kind.STATE, Kind.POSTAL_CODE})

_CUES: Final = {
    Kind.CITY: (
        r"lives in|live in|living in|lived in|resides in|residing in|resident of|moved to"
        r"|moved from|home in|address in|city|town of"
        r"|wohnt in|wohnhaft in|wohne in|ort|wohnort|stadt"
    ),
    Kind.STATE: r"lives in|live in|living in|resides in|resident of|moved to|state|state of",
    Kind.POSTAL_CODE: r"zip|zip ?code|postal ?code|postcode|plz|postleitzahl",
    Kind.PLATE: (
        r"plate|plates|tag|license|licence|registration|reg|kennzeichen|plate number|plate no"
        r"|tag number|license number|licence number|kennzeichen lautet"
    ),
    Kind.PHONE: r"phone|tel|telefon|call|cell|mobile|handy|fax|extension|ext|number|nummer",
}


def _cue(cues: str) -> str:
    return rf"(?:^|[^a-z0-9])(?:{cues})(?: is| ist| was)?[\s.:,#]{{1,3}}"


def _before(cues: str) -> re.Pattern[bytes]:
    return re.compile(f"{_cue(cues)}$".encode())


_BEFORE: Final = {kind: _before(cues) for kind, cues in _CUES.items()}
_ANYWHERE: Final = {
    kind: Linear(_cue(cues).replace(r"\s", r"\s\x0b")) for kind, cues in _CUES.items()
}
# Names follow these and little else; then these; then these as well, but so does much else.
_NAMED: Final = _before(rf"{'|'.join(TITLE)}|name|named|namens|heisst")
_GREETED: Final = _before(
    rf"{'|'.join(ROLE)}|spoke with|spoke to|talked to|talked with|ask for|asked for|dear|hi|hello"
    r"|hallo|liebe|lieber|thanks|danke|per|signed|regards|gruss|grusse|gruesse"
)
_MENTIONED: Final = _before(
    r"with|to|for|by|from|call|called|told|asked|contacted|advised|mit|von|an|durch|miss|sir"
)
_BETWEEN_NAMES: Final = re.compile(rb"[ ,.]{1,3}(?:[a-z]\.?[ ])?|['-]")
_BETWEENADDRESS: Final = re.compile(rb"[ ,.\n-]{1,4}")
_STATE_CODE_LENGTH: Final = 2


def confirmed(folded: Folded, weak: Sequence[Found], strong: Sequence[Found]) -> list[Found]:
    """Return the weak finds that stand in context."""
    everything = sorted((*weak, *strong), key=_PLACE)
    sure = {id(found) for found in strong}
    sure |= {id(found) for found in weak if _announced(folded, found)}
    # Pairs that could tell something new: near enough, and not both known to count.
    pairs = [
        (left, right)
        for left, right in pairwise(everything)
        if 0 <= right.start - left.end <= _GAP + 2 and not (left.strong and right.strong)
    ]
    # Two sweeps, since what the neighbour on the right confirms may confirm the one on the left.
    for left, right in (*pairs, *reversed(pairs)):
        if _beside(folded, left, right, sure):
            sure |= {id(left), id(right)}
    return [found for found in weak if id(found) in sure]


def may_be_cued(folded: Folded, kind: Kind) -> bool:
    """Whether any word for this kind stands in the text, one pass ahead of a look at each find."""
    return _ANYWHERE[kind].search(folded.lower) is not None


def _announced(folded: Folded, found: Found) -> bool:
    before = folded.lower[max(0, found.start - _REACH) : found.start]
    if found.kind is not Kind.PERSON:
        cue = _BEFORE.get(found.kind)
        return cue is not None and cue.search(before) is not None
    if not _capitalised(folded, found):
        return False
    if _NAMED.search(before):
        return True
    if folded.lower[found.start : found.end].decode(errors="replace") in COMMON:
        return not _shouted(folded, found) and _GREETED.search(before) is not None
    return (_GREETED.search(before) or _MENTIONED.search(before)) is not None


def _capitalised(folded: Folded, found: Found) -> bool:
    """A capital first letter, or a text that has no capitals at all to go by."""
    first = folded.cased[found.start : found.start + 1]
    return not first.islower() or not folded.has_capitals_at(found.start)


def _shouted(folded: Folded, found: Found) -> bool:
    around = folded.cased[max(0, found.start - _REACH) : found.end + _REACH]
    return around.isupper()


def _beside(folded: Folded, left: Found, right: Found, sure: set[int]) -> bool:
    gap = folded.lower[left.end : right.start]
    if left.kind is right.kind is Kind.PERSON:
        return (
            not sure.isdisjoint((id(left), id(right)))
            and _capitalised(folded, left)
            and _capitalised(folded, right)
            and _BETWEEN_NAMES.fullmatch(gap) is not None
        )
    if left.kind in ADDRESS and right.kind in ADDRESS and left.kind is not right.kind:
        return _BETWEENADDRESS.fullmatch(gap) is not None and all(
            id(state) in sure or _reads_as_state(folded, left, right)
            for state in (left, right)
            if state.kind is Kind.STATE
        )
    return False


def _reads_as_state(folded: Folded, left: Found, right: Found) -> bool:
    """Keep "Springfield in 2019" apart from "Springfield, IN": IN, OR and ME are words."""
    for state, city in ((right, left), (left, right)):
        if state.kind is Kind.STATE and state.end - state.start == _STATE_CODE_LENGTH:
            code = folded.cased[state.start : state.end]
            comma = b"," in folded.lower[left.end : right.start]
            mixed = not folded.cased[city.start : city.end].isupper()
            if not (comma or city.kind is Kind.POSTAL_CODE or (code.isupper() and mixed)):
                return False
    return True
