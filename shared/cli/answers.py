"""What a command hands back: one document for programs, some lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

type Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a command; ``exit_code`` is 0 unless a verdict is negative."""

    document: Document
    lines: Sequence[str]
    exit_code: int = 0

    def text(self, *, as_json: bool) -> str:
        """Return what goes to standard output."""
        if as_json:
            return json.dumps(self.document, ensure_ascii=False, indent=2)
        return "\n".join(self.lines)


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns, or one line that says there are none."""
    cells = list(rows)
    if not cells:
        return ["none"]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def fields(document: Document) -> list[str]:
    """Return a document as one line per member."""
    return table((name, _plain(value)) for name, value in document.items())


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    return "-" if value is None else str(value)
