"""Finds planted values in bytes, in whatever form, and judges whether a find is one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import ahocorasick

from local.scan.decoding import Form, decoded, unescaped
from local.scan.folding import fold, positions, squeeze

PHONE = "phone"
_SHORTEST = 6
_CERTAIN = 10
"""Letters that stand together by chance nowhere; fewer must be words of their own."""
_WIDEST_GAP = 4
_DEEPEST = 3
_CHUNK = 1 << 20

_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_AMERICAN_DIGITS = 10
_PHONE_GAP = re.compile(rb"[ ().\-/]{0,4}")
_PHONE_LEAD = re.compile(
    rb"(?<![0-9])(?:(?:00|011)?[ ().\-/]{0,3}(?:1|49))?[ ().\-/]{0,3}0?[ ().\-/]{0,3}$"
)
_LEAD = 20
_HEX_RUN = re.compile(rb"[0-9a-f]*")
_DIGEST = 20
"""Hex digits in a row that are a digest; ten decimal ones among them are chance."""


class PlantedTooShortError(ValueError):
    """A planted value is too short to tell from chance."""


@dataclass(frozen=True, slots=True)
class _Needle:
    kind: str
    length: int
    exact: set[bytes] = field(default_factory=set, repr=False)


class Matcher:
    """Every planted value, compiled into one automaton."""

    def __init__(self, planted: Iterable[tuple[str, str]]) -> None:
        """Look for (kind, value) pairs. Raises `PlantedTooShortError`, which names the kind."""
        self._automaton = ahocorasick.Automaton()
        needles: dict[bytes, _Needle] = {}
        for kind, value in planted:
            for letters in _letters(kind, value):
                if len(letters) < _SHORTEST:
                    raise PlantedTooShortError(f"A {kind} is too short to look for.")
                needle = needles.setdefault(letters, _Needle(kind, len(letters)))
                needle.exact.add(value.encode())
        for letters, needle in needles.items():
            # Bytes as Latin-1 text: the automaton takes one character per byte.
            self._automaton.add_word(letters.decode("latin-1"), needle)
        self._automaton.make_automaton()
        self.size = len(needles)

    def find(self, data: bytes) -> Counter[tuple[str, Form]]:
        """Count the planted values in some bytes, by kind and form."""
        found: Counter[tuple[str, Form]] = Counter()
        if self.size:
            for chunk in _chunks(data):
                found += self._find(chunk, None, 0)
        return found

    def _find(self, data: bytes, form: Form | None, depth: int) -> Counter[tuple[str, Form]]:
        found = self._as_text(data, form)
        plain = unescaped(data)
        if plain == data:
            return found + self._decoded(data, form, depth)
        # The whole text again, so what was found above is found again too. Undoing one form may
        # break another ("\\x" begins a byte, and hex as Postgres writes it), so both are read.
        seen = Counter(kind for kind, _ in found.elements())
        again = Counter(needle.kind for needle in self._standing(plain)) - seen
        found += Counter({(kind, form or Form.ESCAPED): count for kind, count in again.items()})
        return found + (self._decoded(data, form, depth) | self._decoded(plain, form, depth))

    def _as_text(self, data: bytes, form: Form | None) -> Counter[tuple[str, Form]]:
        found: Counter[tuple[str, Form]] = Counter()
        plainly: dict[int, bool] = {}
        for needle in self._standing(data):
            if form is None and id(needle) not in plainly:
                plainly[id(needle)] = any(value in data for value in needle.exact)
            as_it_is = Form.PLAIN if plainly.get(id(needle)) else Form.NORMALISED
            found[needle.kind, form or as_it_is] += 1
        return found

    def _decoded(self, data: bytes, form: Form | None, depth: int) -> Counter[tuple[str, Form]]:
        found: Counter[tuple[str, Form]] = Counter()
        if depth < _DEEPEST:
            for other, part in decoded(data):
                found += self._find(part, form or other, depth + 1)
        return found

    def _standing(self, data: bytes) -> Iterator[_Needle]:
        folded = fold(data)
        hits = list(self._automaton.iter(squeeze(folded).decode("latin-1")))
        if not hits:
            return
        at = positions(folded)
        for last, needle in hits:
            places = at[last - needle.length + 1 : last + 1]
            stands = _dialled if needle.kind == PHONE else _written
            if stands(folded, places, needle.length):
                yield needle


def _letters(kind: str, value: str) -> set[bytes]:
    if kind == PHONE:
        digits = "".join(letter for letter in value if letter.isdigit()).lstrip("0")
        if value.lstrip().startswith("+49"):
            digits = digits.removeprefix("49").lstrip("0")
        elif len(digits) == _AMERICAN_DIGITS + 1:
            digits = digits.removeprefix("1")
        return {digits.encode()}
    return {squeeze(fold(text.encode())) for text in (value, value.translate(_GERMAN))}


def _written(folded: bytes, places: Iterable[int], length: int) -> bool:
    """Tell whether letters stand close together, and as a word of their own when they are few."""
    at = list(places)
    if at[-1] - at[0] != length - 1 and any(
        right - left > _WIDEST_GAP for left, right in pairwise(at)
    ):
        return False
    if length >= _CERTAIN:
        return True
    after = folded[at[-1] + 1 : at[-1] + 3]
    if after[:1] == b"s":
        after = after[1:]
    return not folded[max(0, at[0] - 1) : at[0]].isalnum() and not after[:1].isalnum()


def _dialled(folded: bytes, places: Iterable[int], _length: int) -> bool:
    """Tell whether digits are one number: not part of a longer one, a time or a digest."""
    at = list(places)
    start, end = at[0], at[-1] + 1
    if any(not _PHONE_GAP.fullmatch(folded, left + 1, right) for left, right in pairwise(at)):
        return False
    if folded[end : end + 1].isdigit():
        return False
    before = folded[max(0, start - _LEAD) : start]
    if before[-1:].isdigit() and not _PHONE_LEAD.search(before):
        return False
    run = _HEX_RUN.match(folded, end)
    beside = len(run[0]) if run else 0
    run = _HEX_RUN.match(before[::-1])
    beside += len(run[0]) if run else 0
    return end - start + beside < _DIGEST or end - start > len(at)


def _chunks(data: bytes) -> Iterator[bytes]:
    """Cut long data; the pieces overlap by more than any value in any form is long."""
    overlap = 4096
    for start in range(0, max(len(data) - overlap, 1), _CHUNK):
        yield data[start : start + _CHUNK + overlap]
