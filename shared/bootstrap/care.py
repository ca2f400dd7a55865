"""What keeps the whole in order: health, partitions, the environment marker."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from shared.bootstrap.intake import Intake
from shared.kernel.call import Call
from shared.kernel.db import Login

if TYPE_CHECKING:
    from shared.health.service import Health
    from shared.health.signals import Signals
    from shared.ledger.copies import Copies
    from shared.ledger.epochs import Epochs
    from shared.ledger.files import Exports
    from shared.ledger.proofs import Proofs
    from shared.ledger.sealer import Sealer
    from shared.ledger.service import Ledger
    from shared.lifecycle.initialise import Marker
    from shared.lifecycle.months import Months


class Care(Intake):
    """Health, ledger and life cycle."""

    @cached_property
    def health(self) -> Health:
        """Return what answers probes."""
        from shared.health.service import Health

        return Health(self.database(Login.DATA), self.policy.shipped)

    @cached_property
    def signals(self) -> Signals:
        """Return the signals of health, as the control plane."""
        from shared.health.signals import Signals
        from shared.ledger.status import look

        return Signals(self.database(Login.CONTROL), look, self.policy.shipped)

    @cached_property
    def seal_copies(self) -> Copies:
        """Return the documents of seals."""
        from shared.ledger.copies import Copies

        return Copies(self.blobs)

    @cached_property
    def sealer(self) -> Sealer:
        """Return what seals the ledgers."""
        from shared.ledger.sealer import Sealer

        return Sealer(self.database(Login.SEAL), self.signing_keys, self.seal_copies)

    @cached_property
    def epochs(self) -> Epochs:
        """Return what begins an epoch of the ledgers after a restore."""
        from shared.ledger.epochs import Epochs

        return Epochs(self.database(Login.SEAL))

    @cached_property
    def ledger(self) -> Ledger:
        """Return the verifier of the ledgers, as the auditor."""
        from shared.ledger.service import Ledger

        return Ledger(self.database(Login.AUDIT), self.signing_keys, self.seal_copies)

    @cached_property
    def proofs(self) -> Proofs:
        """Return what proves entries, as the auditor."""
        from shared.ledger.proofs import Proofs

        return Proofs(self.database(Login.AUDIT), self.signing_keys)

    @cached_property
    def exports(self) -> Exports:
        """Return what writes evidence into files."""
        from shared.ledger.files import Exports

        return Exports(self.database(Login.AUDIT), self.database(Login.CONTROL))

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
