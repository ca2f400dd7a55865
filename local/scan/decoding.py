"""Other forms of some bytes: what they say once hex, Base64, escapes or gzip are undone."""

from __future__ import annotations

import binascii
import html
import re
import zlib
from collections.abc import Iterator
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from local.scan.folding import BREAK


class Form(StrEnum):
    """How a value stood there."""

    PLAIN = "plain"
    NORMALISED = "normalised"
    ESCAPED = "escaped"
    HEX = "hex"
    BASE64 = "base64"
    GZIP = "gzip"


# The shortest planted values have seven characters.
_HEX = re.compile(rb"[0-9a-fA-F]{14,}")
# Mail breaks Base64 into lines.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{10,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*")
_ONLY_HEX = re.compile(rb"[0-9a-f]+|[0-9A-F]+")
_QUARTET = 4
_JSON_ESCAPES = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+")
_BYTE_ESCAPES = re.compile(rb"(?:\\x[0-9a-fA-F]{2})+")
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_ENTITY = re.compile(rb"&#?[0-9A-Za-z]{2,8};")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_GZIP = b"\x1f\x8b\x08"
_GZIP_WINDOW = 31
_MOST_INFLATED = 64 << 20


def decoded(data: bytes) -> Iterator[tuple[Form, bytes]]:
    """Yield every other reading of some bytes, its parts kept from running together."""
    if data.startswith(_GZIP):
        try:
            yield Form.GZIP, zlib.decompressobj(_GZIP_WINDOW).decompress(data, _MOST_INFLATED)
        except zlib.error:
            return
    if found := _HEX.findall(data):
        yield Form.HEX, BREAK.join(part for run in found for part in _from_hex(run))
    if found := _BASE64.findall(data):
        yield Form.BASE64, BREAK.join(part for run in found for part in _from_base64(run))


def unescaped(data: bytes) -> bytes:
    """Return the same text with JSON, byte, percent and HTML escapes undone."""
    if b"\\u" in data:
        data = _JSON_ESCAPES.sub(_from_json, data)
    if b"\\x" in data:
        data = _BYTE_ESCAPES.sub(
            lambda run: bytes.fromhex(run[0].replace(b"\\x", b"").decode()), data
        )
    if _PERCENT.search(data):
        data = unquote_to_bytes(data)
    if _ENTITY.search(data):
        data = _ENTITY.sub(lambda run: html.unescape(run[0].decode()).encode(), data)
    return data


def _from_json(run: re.Match[bytes]) -> bytes:
    units = bytes.fromhex(run[0].replace(b"\\u", b"").decode())
    return units.decode("utf-16-be", "replace").encode()


def _from_hex(run: bytes) -> Iterator[bytes]:
    # A digit before it, and every byte would be read across its middle.
    for start in (0, 1):
        yield binascii.unhexlify(run[start : start + (len(run) - start) // 2 * 2])


def _from_base64(run: bytes) -> Iterator[bytes]:
    run = b"".join(run.split())
    if _ONLY_HEX.fullmatch(run):
        return
    run = run.translate(_STANDARD)
    for start in range(_QUARTET):
        part = run[start:]
        # What is left over of the last quartet still holds up to two bytes.
        spare = len(part) % _QUARTET
        part = part[:-1] if spare == 1 else part + b"=" * (-len(part) % _QUARTET)
        yield binascii.a2b_base64(part)
