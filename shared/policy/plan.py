"""What an activation would change: names only, so that an approver can read it on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from shared.approvals.model import Plan
from shared.kernel.canonical import Json

NOTHING = "none"
"""Stands for the revision in force where there is none yet."""
_NAMED = 40
"""Members of one part that are named; when more differ, naming the part says as much."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A revision and the document it is the digest of."""

    policy_rev: str
    document: str


@dataclass(frozen=True, slots=True)
class Change:
    """From one revision to another, contract by contract."""

    before: str | None
    after: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, tuple[str, ...]]
    """Contract -> what differs in it, such as ``title`` or ``fields.vin``."""

    @property
    def due(self) -> bool:
        """Tell whether activating would change anything."""
        return self.before != self.after

    def document(self) -> dict[str, Json]:
        """Return the change as an approver sees it."""
        return {
            "from": self.before or NOTHING,
            "to": self.after,
            "contracts": {
                "added": list(self.added),
                "removed": list(self.removed),
                "changed": {name: list(parts) for name, parts in self.changed.items()},
            },
        }

    def plan(self) -> Plan:
        """Return the plan, about the revision that would come into force."""
        return Plan.of(self.after, self.document())


def change(in_force: InForce | None, policy_rev: str, document: bytes) -> Change:
    """Compare the policy in force with another one; the same two always give the same answer."""
    before = _contracts(in_force.document) if in_force else {}
    after = _contracts(document)
    return Change(
        before=in_force.policy_rev if in_force else None,
        after=policy_rev,
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed={
            name: _differing(before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        },
    )


def _contracts(document: str | bytes) -> Mapping[str, Any]:
    found: Mapping[str, Any] = orjson.loads(document).get("contracts", {})
    return found


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the parts that differ, and of a part with members those members (``fields.vin``)."""
    found: list[str] = []
    for part in sorted(before.keys() | after.keys()):
        old, new = before.get(part), after.get(part)
        if old == new:
            continue
        members = _members(old, new)
        found += [f"{part}.{member}" for member in members] if members else [part]
    return tuple(found)


def _members(old: object, new: object) -> list[str]:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return []
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return names if len(names) <= _NAMED else []
