"""What a recogniser is: a cheap question, a linear expression, and a judgement of each match.

Expressions are RE2, so no text can make one slow; whatever RE2 cannot say (checksums, what
stands before, what the words mean) is Python on the few stretches that match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import re2

from shared.pii.redaction.model import RANK_PATTERN, Found, Kind

if TYPE_CHECKING:
    from shared.pii.redaction.folding import Folded

# A judgement sees one match: the stretch to replace and its normal form, or None.
type Verdict = tuple[int, int, str] | None
type Judge = Callable[[Folded, Any], Verdict]

_WORD: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def linear(pattern: str) -> Any:
    """Compile an expression over the folded bytes, with room for its automaton."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 64 << 20
    return re2.compile(pattern.encode(), options)


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Finds one kind of value by its looks."""

    kind: Kind
    source: str
    judge: Judge
    asks: Callable[[Folded], bool]  # False: the text cannot hold one, skip the expression
    cased: bool = False
    pattern: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", linear(self.source))

    def find(self, folded: Folded, position: int = 0) -> Iterator[Found]:
        """Yield what the judge accepts; after a refusal go on behind the first word."""
        if not self.asks(folded):
            return
        view = folded.cased if self.cased else folded.lower
        search = self.pattern.search
        while (match := search(view, position)) is not None:
            verdict = self.judge(folded, match)
            if verdict is None:
                position = _next_word(view, match.start(), match.end())
                continue
            start, end, normal = verdict
            yield Found(start, end, self.kind, normal, RANK_PATTERN)
            position = max(end, match.start() + 1)


class Recognisers:
    """Recognisers behind one expression that holds all of theirs: most texts match none."""

    __slots__ = ("_groups",)

    def __init__(self, recognisers: Sequence[Recogniser]) -> None:
        self._groups = [
            (cased, linear("|".join(f"(?:{each.source})" for each in group)), group)
            for cased in (False, True)
            if (group := tuple(each for each in recognisers if each.cased is cased))
        ]

    def find(self, folded: Folded) -> list[Found]:
        """Everything any recogniser finds; finds of two of them may overlap."""
        finds: list[Found] = []
        for cased, screen, group in self._groups:
            first = screen.search(folded.cased if cased else folded.lower)
            if first is not None:
                for recogniser in group:
                    finds.extend(recogniser.find(folded, first.start()))
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
