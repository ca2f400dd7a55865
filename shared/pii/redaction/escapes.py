r"""A text as it reads where its escapes are undone: HTML, URL and JSON spell characters out.

`O&#39;Tarrigan`, `Zephyrine%20Ashgrove` and `M\u00fchlh\u00e4user` reach a text that was copied
from a page, an address or a log. This is a second reading beside the plain one, since undoing an
escape may as well hide a value: in "100%5552345678" a phone number stands behind a percent sign.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final

_CODES: Final = (
    r"&(?:amp;){0,3}(?:#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});?|[A-Za-z][A-Za-z0-9]{1,31};)"
    r"|%(?:25){0,2}[0-9a-fA-F]{2}"
    r"|\\{1,4}(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrtbf\"/])"
)
_CODE: Final = re.compile(_CODES)
_RUN: Final = re.compile(rf"(?:{_CODES})+")
_AMP: Final = re.compile(r"^&(?:amp;){1,3}(?=.)")
_BLANKS: Final = dict.fromkeys("nrtbf", " ")
_LONGEST: Final = 4  # bytes of a character in UTF-8

# Characters of the reading, and where each starts in the text.
type Reading = tuple[str, list[int]]


def has_escapes(text: str) -> bool:
    """Ask cheaply: most texts have none of the three signs."""
    if "&" in text or "%" in text or "\\" in text:
        return _CODE.search(text) is not None
    return False


def read(text: str) -> Reading:
    """Return the text without its escapes, and the offset of each character and of the end."""
    pieces: list[str] = []
    origin: list[int] = []
    done = 0
    for run in _RUN.finditer(text):
        start, end = run.span()
        pieces.append(text[done:start])
        origin.extend(range(done, start))
        for at, characters in _characters(run):
            pieces.append(characters)
            origin.extend([at] * len(characters))
        done = end
    pieces.append(text[done:])
    origin.extend(range(done, len(text) + 1))
    return "".join(pieces), origin


def _characters(run: re.Match[str]) -> list[tuple[int, str]]:
    """What a run of escapes says, character by character, and where each is written."""
    codes = list(_CODE.finditer(run.string, *run.span()))
    read: list[tuple[int, str]] = []
    index = 0
    while index < len(codes):
        start, code = codes[index].start(), codes[index].group()
        taken, characters = 1, _one(code)
        if code[0] == "%":
            taken, characters = _percent([each.group() for each in codes[index : index + _LONGEST]])
        elif _is_high(characters) and index + 1 < len(codes):
            low = _one(codes[index + 1].group())
            if len(low) == 1 and "\udc00" <= low <= "\udfff":
                pair = (characters + low).encode("utf-16", "surrogatepass")
                taken, characters = 2, pair.decode("utf-16")
        if characters:
            read.append((start, characters))
        elif taken == 1:  # nothing that can be read: leave it as it is written
            read.extend((start + at, written) for at, written in enumerate(code))
        index += taken
    return read


def _one(code: str) -> str:
    if code[0] == "&":
        entity = _AMP.sub("&", code)
        said = unescape(entity)
        return "" if said == entity else said
    sign = code.lstrip("\\")
    return chr(int(sign[1:], 16)) if sign[0] in "ux" and len(sign) > 1 else _BLANKS.get(sign, sign)


def _percent(codes: list[str]) -> tuple[int, str]:
    """Take as many codes as one character has in UTF-8."""
    found = bytearray()
    for taken, code in enumerate(codes, 1):
        if code[0] != "%":
            break
        found.append(int(code[-2:], 16))
        try:
            return taken, found.decode()
        except UnicodeDecodeError:
            continue
    return 1, ""


def _is_high(characters: str) -> bool:
    return len(characters) == 1 and "\ud800" <= characters <= "\udbff"
