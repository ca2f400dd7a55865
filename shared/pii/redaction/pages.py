"""The fields of a record as one page: to look once is what costs, not how far.

Whatever a matcher crosses or looks at beside a find is narrower than the break between two
fields, so each field is judged as if it stood alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.pii.redaction.escapes import has_escapes, read
from shared.pii.redaction.folding import Folded

if TYPE_CHECKING:
    from shared.pii.redaction.model import Found


class Page:
    """Fields folded together, and the way back from a find to its field."""

    __slots__ = ("_fields", "_origins", "folded")

    def __init__(
        self, fields: Sequence[int], texts: Sequence[str], origins: Sequence[list[int]] = ()
    ) -> None:
        self._fields = fields
        self._origins = origins
        self.folded = Folded(*texts)

    def stretch(self, found: Found) -> tuple[int, int, int]:
        """Return the field that a find is in, and its offsets there."""
        at, start, end = self.folded.original(found.start, found.end)
        if self._origins:
            origin = self._origins[at]
            while origin[end] == origin[end - 1]:  # never half of an escape
                end += 1
            start, end = origin[start], origin[end]
        return self._fields[at], start, end


def plain_page(fields: Sequence[int], texts: Sequence[str]) -> Page:
    """These of the texts, as they are."""
    return Page(fields, [texts[field] for field in fields])


def unescaped_page(fields: Sequence[int], texts: Sequence[str]) -> Page | None:
    """These of the texts without their escapes, as far as they have any."""
    escaped = [field for field in fields if has_escapes(texts[field])]
    if not escaped:
        return None
    readings = [read(texts[field]) for field in escaped]
    return Page(escaped, [text for text, _ in readings], [origin for _, origin in readings])
