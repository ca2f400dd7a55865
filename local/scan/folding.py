"""Text as the search sees it: no case, no accents, and then nothing between the letters."""

from __future__ import annotations

import re
import string
import unicodedata
from array import array
from itertools import compress

_ACCENTS = re.compile("[\u0300-\u036f]+")
# Blanks and punctuation beyond ASCII, invisible characters among them.
_WIDE = re.compile(
    "[\u0080-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u2000-\u206f\ufeff]+"
)
_BETWEEN = (string.punctuation + string.whitespace).encode()
# Other control characters stay: a value does not reach over one, nor from cell to cell.
_KEPT = bytes(byte not in _BETWEEN for byte in range(256))
BREAK = b"\x00"
# Runs of text among bytes that are none; a planted value has at least this many characters.
_TEXT_RUNS = re.compile(
    rb"(?:[\t\n\r\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}){6,}"
)


def fold(data: bytes) -> bytes:
    """Return the text of some bytes without case and accents; what is no text breaks it."""
    if data.isascii():
        return data.lower()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = BREAK.join(_TEXT_RUNS.findall(data)).decode("utf-8", "replace")
        if text.isascii():
            return text.lower().encode()
    text = unicodedata.normalize("NFKD", text).casefold()
    return _WIDE.sub(" ", _ACCENTS.sub("", text)).encode()


def squeeze(folded: bytes) -> bytes:
    """Return folded text without blanks and punctuation."""
    return folded.translate(None, _BETWEEN)


def positions(folded: bytes) -> array[int]:
    """Return where each byte of the squeezed text stands in the folded text."""
    return array("L", compress(range(len(folded)), folded.translate(_KEPT)))
