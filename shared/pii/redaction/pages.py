"""The fields of a record as one page: to look once is what costs, not how far.

Whatever a matcher crosses or looks at beside a find is narrower than the break between two
fields, so each field is judged as if it stood alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from shared.pii.redaction.escapes import has_escapes, read
from shared.pii.redaction.folding import FIELD_BREAK, Folded

if TYPE_CHECKING:
    from shared.pii.redaction.model import Found


class Page:
    """Fields folded together, and the way back from a find to its field."""

    __slots__ = ("_fields", "_origins", "_starts", "folded")

    def __init__(
        self, fields: Sequence[int], texts: Sequence[str], origins: Sequence[list[int]] = ()
    ) -> None:
        self._fields = fields
        self._origins = origins
        widths = (len(text) + len(FIELD_BREAK) for text in texts[:-1])
        self._starts = list(accumulate(widths, initial=0))
        self.folded = Folded(FIELD_BREAK.join(texts))

    def stretch(self, found: Found) -> tuple[int, int, int]:
        """Return the field that a find is in, and its offsets there."""
        start, end = self.folded.original(found.start, found.end)
        at = bisect_right(self._starts, start) - 1
        start, end = start - self._starts[at], end - self._starts[at]
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
