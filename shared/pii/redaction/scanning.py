"""What a recogniser is: a linear expression, and a judgement of each match.

Expressions are RE2, so no text can make one slow; whatever RE2 cannot say (checksums, what
stands before, what the words mean) is Python on the few stretches that match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.linear import Hit, Linear, screen
from shared.pii.redaction.model import RANK_PATTERN, RANK_WHOLE, Found, Kind

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded

# A judgement sees one match: the stretch to replace and its normal form, or bytes to make it of.
type Verdict = tuple[int, int, str | bytes] | None
type Judge = Callable[[Folded, Hit], Verdict]
type Span = tuple[int, int]

_WORD: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Finds one kind of value by its looks.

    `value` is the group that holds it. `goes_on` tells, right behind a known value, whether the
    expression could match beyond its end; where it could not, whatever is found within the known
    value would change nothing, so nobody judges it. Without `goes_on` everything is judged.
    """

    kind: Kind
    source: str
    judge: Judge
    cased: bool = False
    value: int = 0
    goes_on: re.Pattern[bytes] | None = None
    pattern: Linear = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", Linear(self.source))

    def find(self, folded: Folded, known: Sequence[Span] = ()) -> Iterator[Found]:
        """Yield what the judge accepts; after a refusal go on behind the first word."""
        view = folded.cased if self.cased else folded.lower
        search, judge, value = self.pattern.search, self.judge, self.value
        position = at = 0
        while (hit := search(view, position)) is not None:
            if known:
                start, end = hit.span(value)
                while at < len(known) and known[at][1] <= start:
                    at += 1
                if at < len(known) and known[at][0] <= start and end <= known[at][1]:
                    position = known[at][1]
                    continue
            verdict = judge(folded, hit)
            if verdict is None:
                position = _next_word(view, *hit.span())
                continue
            start, end, normal = verdict
            yield Found(start, end, self.kind, normal, RANK_PATTERN)
            position = max(end, hit.start() + 1)


class Recognisers:
    """Recognisers behind one pass that tells which of them have to look: mostly few."""

    __slots__ = ("_groups",)

    def __init__(self, recognisers: Sequence[Recogniser]) -> None:
        self._groups = [
            (cased, screen(each.source for each in group), group)
            for cased in (False, True)
            if (group := tuple(each for each in recognisers if each.cased is cased))
        ]

    def find(self, folded: Folded, known: Sequence[Found] = ()) -> list[Found]:
        """Everything any recogniser finds that `known` does not hold already.

        Finds of two of them may overlap.
        """
        finds: list[Found] = []
        whole = [found for found in known if found.rank == RANK_WHOLE]
        ending: dict[Kind, list[Span]] = {}
        for cased, occurring, group in self._groups:
            for index in occurring(folded.cased if cased else folded.lower) or ():
                recogniser = group[index]
                if recogniser.goes_on is None:
                    finds += recogniser.find(folded)
                    continue
                kind = recogniser.kind
                spans = ending.get(kind)
                if spans is None:
                    spans = ending[kind] = _ending(folded.lower, whole, kind, recogniser.goes_on)
                finds += recogniser.find(folded, spans)
        return finds


def _ending(
    lower: bytes, whole: Sequence[Found], kind: Kind, goes_on: re.Pattern[bytes]
) -> list[Span]:
    """Whole known values of a kind, in order, behind which no more of their kind can follow."""
    return sorted(
        [
            (start, end)
            for start, end, found, *_ in whole
            if found is kind and not goes_on.match(lower, end)
        ]
    )


def _next_word(view: bytes, position: int, end: int) -> int:
    """Where a refused match may hide another: behind its first word."""
    position += 1
    while position < end and view[position] in _WORD:
        position += 1
    while position < end and view[position] not in _WORD and view[position] not in b"+(":
        position += 1
    return position


def before(view: bytes, start: int, reach: int = 24) -> bytes:
    """The bytes just before a match, to look for cues in."""
    return view[max(0, start - reach) : start]


def alone(view: bytes, start: int, end: int) -> bool:
    """No letter or digit on either side."""
    return not (start and view[start - 1] in _WORD) and not (end < len(view) and view[end] in _WORD)
