"""Looks at what the app stands on."""

from __future__ import annotations

import time
from dataclasses import dataclass

from shared.kernel.call import Call
from shared.kernel.db import Database
from shared.kernel.errors import Unavailable
from shared.kernel.sql import Queries

_sql = Queries("shared.health")

_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found; ``ready`` is whether all of it is well."""

    database: bool
    environment: bool
    policy: bool

    @property
    def ready(self) -> bool:
        """Tell whether requests can be served."""
        return self.database and self.environment and self.policy


@dataclass(frozen=True, slots=True)
class _Marker:
    environment: str
    policy_active: bool


class Health:
    """Answers the platform's probes."""

    def __init__(self, data: Database, policy_rev: str) -> None:
        """Look as ``data``; ``policy_rev`` is what this release carries."""
        self._data = data
        self._policy_rev = policy_rev
        self._seen: tuple[float, Readiness] | None = None

    def ready(self, call: Call) -> Readiness:
        """Return the readiness, at most a second old: anybody may ask, as often as they like.

        A database that is away is an answer, not an error.
        """
        if self._seen is None or time.monotonic() - self._seen[0] > _FRESH_SECONDS:
            self._seen = (time.monotonic(), self._look(call))
        return self._seen[1]

    def _look(self, call: Call) -> Readiness:
        try:
            with self._data.transaction(call, read_only=True) as tx:
                found = tx.one(_Marker, _sql.look_around, {"policy_rev": self._policy_rev})
        except Unavailable:
            return Readiness(database=False, environment=False, policy=False)
        if found is None:
            return Readiness(database=True, environment=False, policy=False)
        return Readiness(
            database=True,
            environment=found.environment == call.environment,
            policy=found.policy_active,
        )
