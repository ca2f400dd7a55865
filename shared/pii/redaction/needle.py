"""What to look for: one spelling of one vaulted value, squeezed, and how it may stand.

A needle is the value without separators, since there all punctuation looks alike; `Shape` says
which separators and neighbours the text may have around and between its letters. A strong
needle counts wherever it stands; a weak one (three characters or fewer, a common word, bare
digits, a city or a state) only in context, since "May" and "12" are mostly not a person.
"""

from __future__ import annotations

import unicodedata
from enum import Enum
from itertools import compress, count
from typing import Final, NamedTuple

from shared.pii.redaction.folding import IS_SEPARATOR, fold_value
from shared.pii.redaction.model import Kind
from shared.pii.redaction.words import COMMON

SHORT: Final = 3  # characters up to which a value says too little on its own
VIN_TAIL: Final = 6  # the serial number, which workshops use as the car's name
VIN_HEAD: Final = 12  # one more than the prefix that only tells make, model and plant
NO_BREAKS: Final[frozenset[int]] = frozenset()


class Shape(Enum):
    """How a needle may stand in the text."""

    WORDS = "words"  # blanks at its breaks, word boundaries
    NUMBER = "number"  # any separators, no digit beside it
    PHONE = "phone"  # as NUMBER, but its country or trunk prefix may stand before it
    CODE = "code"  # any separators, neither letter nor digit beside it
    DOTTED = "dotted"  # separators exactly at its breaks
    VIN = "vin"  # part of a VIN that is grown to both sides


class Needle(NamedTuple):
    """One spelling of one known value."""

    letters: bytes
    kind: Kind
    normal: str
    shape: Shape
    strong: bool
    rank: int
    breaks: frozenset[int] = frozenset()
    whole: bytes = b""  # VIN: all of it; PHONE: its country code
    glued: bool = True  # may stand without blanks at its breaks

    def __repr__(self) -> str:
        """Say the kind only: the rest is the value."""
        return f"<needle {self.kind}>"


def breaks_of(folded: bytes) -> frozenset[int]:
    """Offsets within the squeezed value before which the value has a separator."""
    if folded.isalnum():
        return frozenset()
    # A separator at the n-th place, behind k others, stands before letter n - k.
    separators = compress(count(), folded.translate(IS_SEPARATOR))
    return frozenset(at - index for index, at in enumerate(separators))


def is_common(letters: bytes) -> bool:
    return letters in COMMON_LETTERS


COMMON_LETTERS: Final = frozenset(word.encode() for word in COMMON)
_UMLAUTS: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "oe", "å": "aa"}
)


def spellings(value: str, folded: bytes) -> list[bytes]:
    """Fold, and write umlauts out or in: Müller is Mueller, and Mueller may be Müller."""
    spellings = [folded]
    if not value.isascii():
        spellings.append(fold_value(unicodedata.normalize("NFC", value).translate(_UMLAUTS)))
    short = folded.replace(b"ae", b"a").replace(b"oe", b"o").replace(b"ue", b"u")
    if len(short) == len(folded) and len(spellings) == 1:
        return spellings
    return list(dict.fromkeys([*spellings, short]))
