"""One spelling to match on: case, accents, widths and invisible characters folded away.

Matching runs on bytes. `cased` is the text without accents (ss for ß), with ASCII digits,
quotes, dashes and blanks; letters of other scripts stay as lower-case UTF-8. `lower` is the
same bytes in lower case, so one offset serves both, and `original` leads back to the text.
ASCII text, nearly all of it, folds to itself and needs no map. `squeezed` drops everything but
letters and digits: there, each way to punctuate a value looks the same.

What has the shape of a placeholder is blanked with a byte no matcher crosses, and listed in
`typed`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, compress
from typing import Final

from shared.pii.redaction.placeholders import without_placeholders

_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_SEPARATORS: Final = bytes(b for b in range(128) if not chr(b).isalnum())
IS_SOLID: Final = bytes(int(b not in _SEPARATORS) for b in range(256))
IS_SEPARATOR: Final = bytes(int(b in _SEPARATORS) for b in range(256))
_BARRIER: Final = b"\x01"
# Between the fields of one record: wider than any gap, any cue and any look around a find.
FIELD_BREAK: Final = "\x1e" * 48
_FIELD_BREAK: Final = FIELD_BREAK.encode()
_REMEMBERED: Final = 4096
_INDICES: Final = tuple(range(8192))  # numbers made once are half the work of `positions`

# Letters that Unicode does not decompose, and marks that people type for ASCII ones.
_SPELLED: Final = dict(
    zip(
        "ßẞæÆœŒøØłŁđĐðÐþÞıħĦŋ",
        "ss SS ae AE oe OE o O l L d D d D th Th i h H n".split(),
        strict=True,
    )
) | dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u02b9\u02bc\u02bb\uff07\uff40", "'")
_INVISIBLE_LETTERS: Final = "\u115f\u1160\u3164\uffa0"
_DROPPED: Final = frozenset({"Mn", "Me", "Cf"})  # accents, enclosures, zero-width characters


def _fold_character(character: str) -> bytes:
    if (spelled := _SPELLED.get(character)) is not None:
        return spelled.encode()
    if character in _INVISIBLE_LETTERS:
        return b""
    folded: list[str] = []
    for part in unicodedata.normalize("NFKD", character):
        category = unicodedata.category(part)
        if part.isascii():
            folded.append(part)
        elif category in _DROPPED:
            continue
        elif category == "Nd":
            folded.append(str(unicodedata.decimal(part)))
        elif category == "Pd":
            folded.append("-")
        elif part == "\u2044":  # the slash of fractions
            folded.append("/")
        elif category[0] in "LN":
            folded.append(_SPELLED.get(part) or part.casefold())
        else:  # symbols, emoji, lone surrogates: a gap between words
            folded.append(" ")
    return "".join(folded).encode()


class _Characters(dict[str, bytes]):
    """Foldings seen so far, bounded since a text may hold every character there is."""

    def __missing__(self, character: str) -> bytes:
        folded = _fold_character(character)
        if len(self) < _REMEMBERED:
            self[character] = folded
        return folded


_CHARACTERS: Final = _Characters()


def _fold_run(run: re.Match[str]) -> str:
    return b"".join([_CHARACTERS[character] for character in run.group()]).decode()


def _fold_text(text: str) -> bytes:
    return text.encode() if text.isascii() else _NON_ASCII.sub(_fold_run, text).encode()


def _origins(text: str) -> list[int]:
    """For each folded byte the index of the character it came from."""
    origins: list[int] = []
    done = 0
    for run in _NON_ASCII.finditer(text):
        start, end = run.span()
        origins.extend(range(done, start))
        for index in range(start, end):
            origins.extend([index] * len(_CHARACTERS[text[index]]))
        done = end
    origins.extend(range(done, len(text)))
    return origins


def fold_value(value: str) -> bytes:
    """Fold one value, in lower case."""
    return _fold_text(value).lower()


def squeeze(folded: bytes) -> bytes:
    """Keep letters and digits only."""
    return folded.translate(None, _SEPARATORS)


class Folded:
    """The fields of a record beside their folded view, one behind the other."""

    __slots__ = (
        "_capitals",
        "_lengths",
        "_origins",
        "_positions",
        "_squeezed",
        "_starts",
        "_texts",
        "cased",
        "lower",
        "typed",
    )

    def __init__(self, *texts: str) -> None:
        self._texts = texts
        self._origins: dict[int, list[int]] | None = None
        self._starts: list[int] | None = None
        joined = FIELD_BREAK.join(texts)
        if joined.isascii():
            self._lengths: list[int] | None = None
            self.cased = joined.encode()
        else:
            # Field by field: mostly one of many has accents, and only that one needs a map.
            views = [_fold_text(text) for text in texts]
            self._lengths = list(map(len, views))
            self._origins = {}
            self.cased = _FIELD_BREAK.join(views)
        self.typed: Sequence[tuple[int, int, bytes]] = ()
        if b"[" in self.cased:
            self.cased, self.typed = without_placeholders(self.cased, _BARRIER)
        self.lower = self.cased.lower()
        self._capitals: tuple[list[int], list[bool]] | None = None
        self._squeezed: bytes | None = None
        self._positions: list[int] | None = None

    def has_capitals_at(self, position: int) -> bool:
        """Whether the field around this position is written with any."""
        if self._capitals is None:
            parts = self.cased.split(_FIELD_BREAK)
            lengths = (len(part) + len(_FIELD_BREAK) for part in parts[:-1])
            capitals = [part != part.lower() for part in parts]
            self._capitals = list(accumulate(lengths, initial=0)), capitals
        starts, capitals = self._capitals
        return capitals[bisect_right(starts, position) - 1]

    @property
    def squeezed(self) -> bytes:
        """The letters and digits of `lower`."""
        if self._squeezed is None:
            self._squeezed = squeeze(self.lower)
        return self._squeezed

    @property
    def positions(self) -> list[int]:
        """Where in `lower` each byte of `squeezed` stands; made only once something is found."""
        if self._positions is None:
            solid = self.lower.translate(IS_SOLID)
            indices = _INDICES if len(solid) <= len(_INDICES) else range(len(solid))
            self._positions = list(compress(indices, solid))
        return self._positions

    def original(self, start: int, end: int) -> tuple[int, int, int]:
        """Which field a stretch of the folded view is in, and its offsets in that text.

        The stretch takes along what folded to nothing behind it, so no accent of a replaced
        letter is left over, and never half of a character that folded to several bytes.
        """
        starts = self._starts
        if starts is None:
            lengths = self._lengths or map(len, self._texts)
            widths = [length + len(_FIELD_BREAK) for length in lengths]
            starts = self._starts = list(accumulate(widths[:-1], initial=0))
        field = bisect_right(starts, start) - 1
        start, end = start - starts[field], end - starts[field]
        if self._origins is None or (text := self._texts[field]).isascii():
            return field, start, end
        origin = self._origins.get(field)
        if origin is None:
            origin = self._origins[field] = _origins(text)
        following = origin[end] if end < len(origin) else len(text)
        return field, origin[start], max(following, origin[end - 1] + 1)
