"""What keeps the whole in order: health, partitions, the environment marker."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from shared.bootstrap.intake import Intake
from shared.kernel.call import Call
from shared.kernel.db import Login

if TYPE_CHECKING:
    from shared.health.service import Health
    from shared.lifecycle.initialise import Marker
    from shared.lifecycle.months import Months


class Care(Intake):
    """Health and life cycle."""

    @cached_property
    def health(self) -> Health:
        """Return what answers probes."""
        from shared.health.service import Health

        return Health(self.database(Login.DATA), self.policy.shipped)

    @cached_property
    def months(self) -> Months:
        """Return the upkeep of ledger partitions."""
        from shared.lifecycle.months import Months

        return Months(self.database(Login.CONTROL))

    def marker(self, call: Call) -> Marker:
        """Return what the database says of itself."""
        from shared.lifecycle.initialise import marker

        return marker(self.database(Login.CONTROL), call)

    def initialise(self, call: Call, workspace: str, owner: str) -> bool:
        """Give the database to this environment, as the migrator."""
        from shared.lifecycle.initialise import initialise

        return initialise(self.database(Login.MIGRATOR), call, self.ports.ids, workspace, owner)
