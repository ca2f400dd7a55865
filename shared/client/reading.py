"""Sources: CSV, NDJSON and JSON, plain or gzipped, one row after the other.

CSV and NDJSON are streamed in constant memory; a JSON document is read whole. A row that cannot be
read is a `Row` with a problem, so that the rows after it still count; `SourceUnreadable` is raised
only where there is no next row to find.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, cast

import orjson

from shared.client.errors import SourceUnreadable
from shared.client.rows import Row
from shared.kernel.canonical import digest_stream

STDIN = "-"
LARGEST_ROW = 1_048_576
"""Bytes of one line or cell: as many as the gate takes for one record."""
_GZIP = b"\x1f\x8b"
_CHUNK = 1_048_576
_BOM = b"\xef\xbb\xbf"
_ENCODING = "The source is not in the encoding that was named"


class Format(StrEnum):
    """How a source is written."""

    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"


_SUFFIXES = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".json": Format.JSON,
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read a source; the mapping's ``source`` section sets it."""

    format: Format
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    quote: str = '"'
    records: str = ""
    """Where the records lie in a JSON document: a path of member names, or nothing."""


def format_of(name: str) -> Format | None:
    """Return the format that a file's name promises, ``None`` when it promises none."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return _SUFFIXES.get(suffixes[-1]) if suffixes else None


@dataclass(frozen=True, slots=True)
class Source:
    """A file or standard input, and how to read it."""

    name: str
    dialect: Dialect

    @property
    def unit(self) -> str:
        """What the number of a row counts."""
        return "item" if self.dialect.format is Format.JSON else "line"

    def digest(self) -> str:
        """Return what stands for the bytes of the file. Raises `SourceUnreadable`."""
        try:
            with Path(self.name).open("rb") as file:
                chunks = iter(lambda: file.read(_CHUNK), b"")
                return digest_stream("ops.client.source.v1", chunks).hex()
        except OSError as error:
            raise SourceUnreadable(f"The source cannot be opened: {_reason(error)}") from error

    @contextmanager
    def open(self) -> Iterator[Reading]:
        """Open the source for one pass. Raises `SourceUnreadable`."""
        if self.name == STDIN:
            with closing(Reading(self.dialect, sys.stdin.buffer, 0)) as reading:
                yield reading
            return
        try:
            stream = Path(self.name).open("rb")  # noqa: SIM115 - closed below, once it is open
        except OSError as error:
            raise SourceUnreadable(f"The source cannot be opened: {_reason(error)}") from error
        size = os.fstat(stream.fileno()).st_size
        with stream, closing(Reading(self.dialect, stream, size)) as reading:
            yield reading


class Reading:
    """One pass over a source; iterate `rows` once."""

    def __init__(self, dialect: Dialect, stream: IO[bytes], size: int) -> None:
        """Look whether the bytes are gzipped; ``size`` is 0 where it is not known."""
        self._dialect = dialect
        self._stream = stream
        self.size = size
        head = cast("io.BufferedReader", stream).peek(2)[:2]
        self._bytes: IO[bytes] = (
            cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if head == _GZIP else stream
        )
        self._text: io.TextIOWrapper | None = None
        self._reader: Any = None
        self._header: list[str] = []

    @property
    def share(self) -> float | None:
        """How much of the file was read, from 0 to 1; ``None`` where that is not known."""
        return min(1.0, self._stream.tell() / self.size) if self.size else None

    def header(self) -> list[str] | None:
        """Return the columns of a CSV source, ``None`` for others. Raises `SourceUnreadable`."""
        if self._dialect.format is not Format.CSV:
            return None
        if self._text is None:
            # Undecodable bytes become lone surrogates, which are looked for row by row.
            self._text = io.TextIOWrapper(
                self._bytes, encoding=self._dialect.encoding, errors="surrogateescape", newline=""
            )
            csv.field_size_limit(LARGEST_ROW)
            self._reader = csv.reader(
                self._text,
                delimiter=self._dialect.delimiter,
                quotechar=self._dialect.quote,
                strict=True,
            )
            with _breaking_off():
                try:
                    self._header = _header(self._reader)
                except UnicodeError as error:
                    raise SourceUnreadable(_ENCODING) from error
        return self._header

    def close(self) -> None:
        """Let go of the stream without closing it: that is its owner's."""
        if self._text is not None:
            self._text.detach()
            self._text = None

    def rows(self) -> Iterator[Row]:
        """Return the rows in order. Raises `SourceUnreadable`."""
        readers = {Format.CSV: self._csv, Format.NDJSON: self._ndjson, Format.JSON: self._json}
        with _breaking_off():
            yield from readers[self._dialect.format]()

    def _csv(self) -> Iterator[Row]:
        header, reader = self.header() or [], self._reader
        index = 0
        try:
            while True:
                at = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error:
                    yield Row(index, at, problem="row_broken")
                else:
                    if not cells:
                        continue
                    yield _csv_row(index, at, header, cells)
                index += 1
        except UnicodeError as error:
            raise SourceUnreadable(_ENCODING) from error

    def _ndjson(self) -> Iterator[Row]:
        index, at = 0, 0
        while line := self._bytes.readline(LARGEST_ROW + 2):
            at += 1
            problem = ""
            if len(line) > LARGEST_ROW + 1 and not line.endswith(b"\n"):
                while (rest := self._bytes.readline(_CHUNK)) and not rest.endswith(b"\n"):
                    pass
                problem = "row_too_large"
            raw = line.removeprefix(_BOM).strip() if at == 1 else line.strip()
            if not raw:
                continue
            yield Row(index, at, problem=problem) if problem else _json_row(index, at, raw)
            index += 1

    def _json(self) -> Iterator[Row]:
        try:
            document = orjson.loads(self._bytes.read().removeprefix(_BOM))
        except orjson.JSONDecodeError as error:
            raise SourceUnreadable(
                f"The source is not one JSON document (line {error.lineno})"
            ) from None
        for step in filter(None, self._dialect.records.split(".")):
            document = document.get(step) if isinstance(document, dict) else None
        if isinstance(document, dict):
            document = [document]
        if not isinstance(document, list):
            raise SourceUnreadable(
                "The source is neither a JSON object nor a list of them; "
                "source.records in the mapping says where they lie"
            )
        for index, value in enumerate(document):
            yield _object_row(index, index + 1, value, b"")


@contextmanager
def _breaking_off() -> Iterator[None]:
    """Tell a stream that fails in its middle as `SourceUnreadable`."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise SourceUnreadable(f"The source breaks off: {_reason(error)}") from error


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = [name.strip() for name in next(reader)]
    except StopIteration:
        raise SourceUnreadable("The source is empty: a CSV file begins with a header") from None
    except csv.Error as error:
        raise SourceUnreadable("The header cannot be read in this dialect") from error
    if len(set(header)) != len(header) or "" in header:
        raise SourceUnreadable("The header names a column twice, or names one not at all")
    return header


def _csv_row(index: int, at: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        return Row(index, at, problem="row_columns")
    if not all(cell.isascii() or _is_text(cell) for cell in cells):
        return Row(index, at, problem="row_undecodable")
    return Row(index, at, dict(zip(header, cells, strict=True)))


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_row(index: int, at: int, raw: bytes) -> Row:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Row(index, at, problem="row_unreadable")
    return _object_row(index, at, value, raw)


def _object_row(index: int, at: int, value: Any, raw: bytes) -> Row:
    if not isinstance(value, dict):
        return Row(index, at, problem="row_not_object")
    return Row(index, at, cast("Mapping[str, Any]", value), raw)


def known_encoding(name: str) -> bool:
    """Tell whether a text encoding of that name exists."""
    try:
        return codecs.lookup(name)._is_text_encoding  # noqa: SLF001 - codecs tells it no other way
    except LookupError:
        return False


def _reason(error: BaseException) -> str:
    """Return what the system says, without the file's name or a part of its content."""
    return getattr(error, "strerror", None) or type(error).__name__
