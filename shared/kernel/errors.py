"""The shapes of failure.

::

    OpsError(message, code=…, items=…, retry_after=…)
    ├── Invalid          the request breaks its contract
    ├── Unauthenticated  no credential, or one that does not verify
    ├── Denied           verified, but not permitted; the reason is recorded, not shown
    ├── Missing          not there, or not there for you
    ├── Conflict         state moved, or the same key with another body
    ├── Held             a legal hold, freeze or kill switch stands in the way
    └── Unavailable      try again: the only shape that a queue redelivers

A room subclasses a shape and fixes a ``code`` of the form ``room.what_went_wrong``. Codes are
part of the interface: documented, never reused. A message is for people and never holds a value
that a caller sent (000-R20). Status numbers live in ``functions/_problems.py`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Item:
    """One thing wrong with one place of the request: a JSON Pointer (RFC 6901), never a value."""

    pointer: str
    code: str
    message: str


class OpsError(Exception):
    """Base of every error that a caller can be told about."""

    code: ClassVar[str] = "ops.error"
    title: ClassVar[str] = "The operation failed"

    def __init__(
        self,
        message: str = "",
        *,
        items: tuple[Item, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        """Keep what the caller may read; ``retry_after`` is in seconds."""
        super().__init__(message or type(self).title)
        self.message = message or type(self).title
        self.items = items
        self.retry_after = retry_after


class Invalid(OpsError):
    """The request breaks its contract."""

    code = "ops.invalid"
    title = "The request is not valid"


class Malformed(Invalid):
    """The request cannot even be read."""

    code = "ops.malformed"
    title = "The request cannot be read"


class Oversized(Malformed):
    """The request is larger than the gate takes."""

    code = "ops.oversized"
    title = "The request is too large"


class Unmeasured(Malformed):
    """The request has no Content-Length: the host would pass it on with an empty body."""

    code = "ops.length_required"
    title = "The request needs a Content-Length"


class Unsupported(Malformed):
    """The media type is not one that this route reads."""

    code = "ops.media_type_unsupported"
    title = "The media type is not supported"


class Unauthenticated(OpsError):
    """No credential, or one that does not verify."""

    code = "ops.unauthenticated"
    title = "A valid credential is required"


class Denied(OpsError):
    """The caller is known and not permitted."""

    code = "ops.denied"
    title = "The caller is not permitted to do this"


class Missing(OpsError):
    """Not there, or not there for this caller."""

    code = "ops.missing"
    title = "There is nothing here for this caller"


class Conflict(OpsError):
    """State moved, or one key was used for two different requests."""

    code = "ops.conflict"
    title = "The request conflicts with what is recorded"


class Held(OpsError):
    """A hold, a freeze or a kill switch stands in the way."""

    code = "ops.held"
    title = "The operation is held"


class Unavailable(OpsError):
    """Something outside is away for the moment: trying again is safe."""

    code = "ops.unavailable"
    title = "The service is not available at the moment"

    def __init__(
        self,
        message: str = "",
        *,
        items: tuple[Item, ...] = (),
        retry_after: int | None = 2,
    ) -> None:
        """As `OpsError`, with two seconds as the usual pause."""
        super().__init__(message, items=items, retry_after=retry_after)


class EnvironmentDiffers(Unavailable):
    """The database is another environment's, or nobody's yet: nothing is read or changed (D1)."""

    code = "ops.environment_differs"
    title = "This app and its database belong to different environments"


def catalogue() -> dict[str, type[OpsError]]:
    """Return every error class by its code; two classes with one code are a defect."""
    found: dict[str, type[OpsError]] = {}
    queue: list[type[OpsError]] = [OpsError]
    while queue:
        error = queue.pop()
        queue.extend(error.__subclasses__())
        if found.setdefault(error.code, error) is not error:
            twin = f"{found[error.code].__name__} and {error.__name__} share the code {error.code}"
            raise ValueError(twin)
    return dict(sorted(found.items()))
