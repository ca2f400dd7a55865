"""What arrives at an edge and what leaves it, without the words of any transport library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PROBLEM = "application/problem+json"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a wire module reads it; header names are lower-case."""

    headers: Mapping[str, str] = field(repr=False)
    params: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Query parameters: states and limits of a list; never an id of a person (000-R20)."""

    @property
    def media_type(self) -> str:
        """Return the media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is ready to leave."""

    body: bytes = field(repr=False)
    status: int = 200
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
