"""What a room declares of the things that it will not do without a second person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from shared.approvals.errors import KindUnknown

_NAME = re.compile(r"[a-z_]+\.[a-z_]+")


@dataclass(frozen=True, slots=True)
class ApprovalKind:
    """One kind of approval: ``room.what_happens``, who may ask, who may decide, how long it stands.

    ``propose`` and ``decide`` are permissions of the room that declares the kind; `bootstrap`
    imports that room, so that whoever decides knows it.
    """

    name: str
    meaning: str
    propose: str
    decide: str
    lives: timedelta
    """From the request to the effect; a decision does not prolong it."""

    registry: ClassVar[dict[str, ApprovalKind]] = {}

    def __post_init__(self) -> None:
        """Enter the kind into the registry, once."""
        if not _NAME.fullmatch(self.name) or self.name in ApprovalKind.registry:
            raise ValueError(self.name)
        if self.lives <= timedelta(0):
            raise ValueError(self.name)
        ApprovalKind.registry[self.name] = self


def kind_of(name: str) -> ApprovalKind:
    """Return a declared kind. Raises `KindUnknown`."""
    found = ApprovalKind.registry.get(name)
    if found is None:
        raise KindUnknown
    return found
