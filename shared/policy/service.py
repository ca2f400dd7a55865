"""Activates policy revisions and tells which one is active."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.governance.facts import DIGEST, FactKind, record
from shared.identity.authority import demand
from shared.kernel.call import Call
from shared.kernel.canonical import digest
from shared.kernel.db import Database
from shared.kernel.errors import Missing
from shared.kernel.sql import Queries

_sql = Queries("shared.policy")


class Permission(StrEnum):
    """Permissions of this room."""

    REVISION_READ = "policy:revision:read"
    REVISION_ACTIVATE = "policy:revision:activate"


REVISION_ACTIVATED = FactKind(
    "policy:revision:activated",
    "Another policy revision is in force from now on (POLICY_REV_CHANGED, 002-R14).",
    {"revision": DIGEST, "previous": DIGEST},
)
_NONE = "0" * 64


class NothingActive(Missing):
    """No revision was ever activated in this environment."""

    code = "policy.nothing_active"
    title = "No policy revision is active; see: opsplane policy activate"


@dataclass(frozen=True, slots=True)
class ActiveRevision:
    """The revision in force, and the one this release carries."""

    active: str
    shipped: str

    @property
    def in_step(self) -> bool:
        """Tell whether the release carries what is in force."""
        return self.active == self.shipped


def revision_of(document: bytes) -> str:
    """Return the ``policy_rev`` of a policy document."""
    return digest("ops.policy.v1", document).hex()


class Policy:
    """The policy of this environment."""

    def __init__(self, control: Database, data: Database, document: bytes) -> None:
        """Write as ``control``, read as ``data``; ``document`` is what this release carries."""
        self._control = control
        self._data = data
        self._document = document
        self.shipped = revision_of(document)

    def active(self, call: Call) -> ActiveRevision:
        """Return the revision in force. Raises `NothingActive`."""
        demand(call, Permission.REVISION_READ)
        with self._data.transaction(call, read_only=True) as tx:
            found = tx.value(_sql.active_revision)
        if found is None:
            raise NothingActive
        return ActiveRevision(str(found), self.shipped)

    def activate(self, call: Call) -> bool:
        """Put the revision of this release in force; ``False`` when it is already."""
        demand(call, Permission.REVISION_ACTIVATE)
        with self._control.transaction(call) as tx:
            # One activation at a time: the second sees what the first did.
            tx.run(_sql.lock_revisions)
            previous = tx.value(_sql.active_revision)
            if previous == self.shipped:
                return False
            tx.run(_sql.supersede_revision, {"now": call.now})
            tx.run(
                _sql.activate_revision,
                {
                    "policy_rev": self.shipped,
                    "document": self._document.decode(),
                    "now": call.now,
                    "by": call.actor.actor_id,
                },
            )
            record(
                tx,
                call,
                REVISION_ACTIVATED,
                call.call_id,
                revision=self.shipped,
                previous=previous or _NONE,
            )
        return True
