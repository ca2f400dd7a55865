"""What a recogniser is: a linear expression, and a judgement of each match.

Expressions are RE2, so no text can make one slow; whatever RE2 cannot say (checksums, what
stands before, what the words mean) is Python on the few stretches that match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.pii.redaction.linear import Hit, Linear, screen
from shared.pii.redaction.model import RANK_PATTERN, Found, Kind

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded

# A judgement sees one match: the stretch to replace and its normal form, or None.
type Verdict = tuple[int, int, str] | None
type Judge = Callable[[Folded, Hit], Verdict]

_WORD: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Finds one kind of value by its looks."""

    kind: Kind
    source: str
    judge: Judge
    cased: bool = False
    pattern: Linear = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", Linear(self.source))

    def find(self, folded: Folded) -> Iterator[Found]:
        """Yield what the judge accepts; after a refusal go on behind the first word."""
        view = folded.cased if self.cased else folded.lower
        search, judge, position = self.pattern.search, self.judge, 0
        while (hit := search(view, position)) is not None:
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

    def find(self, folded: Folded) -> list[Found]:
        """Everything any recogniser finds; finds of two of them may overlap."""
        finds: list[Found] = []
        for cased, occurring, group in self._groups:
            for index in occurring(folded.cased if cased else folded.lower) or ():
                finds.extend(group[index].find(folded))
        return finds


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
