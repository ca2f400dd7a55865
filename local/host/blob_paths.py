"""The path of a blob trigger: which blobs it is about, and what it captures of their names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CAPTURE = re.compile(r"\{(\w+)\}")


class BlobPathError(ValueError):
    """The path is not one that this host reads."""


@dataclass(frozen=True, slots=True)
class BlobPath:
    """`container/pattern`; a part in braces matches anything, slashes included."""

    container: str
    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, path: str) -> BlobPath:
        """Read a path; without a pattern it is about every blob of the container."""
        container, _, name = path.strip("/").partition("/")
        if not container or "{" in container:
            raise BlobPathError(f"{path!r} does not name one container")
        parts = _CAPTURE.split(name or "{name}")
        text = "".join(
            f"(?P<{part}>.+)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
        )
        try:
            return cls(container, re.compile(text, re.DOTALL))
        except re.PatternError as error:
            raise BlobPathError(f"{path!r}: {error}") from error

    def captures(self, name: str) -> dict[str, str] | None:
        """What the pattern captures of a blob's name; None for a blob it is not about."""
        match = self.pattern.fullmatch(name)
        return match.groupdict() if match else None
