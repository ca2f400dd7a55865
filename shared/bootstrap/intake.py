"""What comes in: the gate and its receipts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from shared.bootstrap.access import Access
from shared.kernel.db import Login

if TYPE_CHECKING:
    from shared.ingest.documents import Documents
    from shared.ingest.gate import IngestGate
    from shared.ingest.quarantine import Quarantine
    from shared.ingest.receipts import Receipts
    from shared.ingest.reconcile import Reconciler
    from shared.ingest.runs import Runs


class Intake(Access):
    """The ingest gate and what belongs to it."""

    @cached_property
    def documents(self) -> Documents:
        """Return the writer of receipt documents, as the data plane."""
        from shared.ingest.documents import Documents

        return Documents(
            self.database(Login.DATA),
            self.blobs,
            self.ports.clock,
            background=self.ports.background,
        )

    @cached_property
    def gate(self) -> IngestGate:
        """Return the ingest gate."""
        from shared.ingest.contracts import shipped
        from shared.ingest.gate import IngestGate
        from shared.kernel.settings import revision_of
        from shared.pii.vault import Vault

        return IngestGate(
            data=self.database(Login.DATA),
            keyring=self.keyring,
            vault=Vault(),
            documents=self.documents,
            contracts=shipped(),
            policy_rev=self.policy.shipped,
            ids=self.ports.ids,
            telemetry=self.ports.telemetry,
            max_records=self.settings.ingest_max_records,
            config_revision=revision_of(self.settings),
            quarantine_days=self.settings.quarantine_days,
        )

    @cached_property
    def receipts(self) -> Receipts:
        """Return the reader and verifier of receipts, as the data plane."""
        from shared.ingest.receipts import Receipts

        return Receipts(self.database(Login.DATA), self.blobs)

    @cached_property
    def reconciler(self) -> Reconciler:
        """Return what writes lost documents, as the control plane."""
        from shared.ingest.documents import Documents
        from shared.ingest.reconcile import Reconciler

        control = self.database(Login.CONTROL)
        return Reconciler(
            control, Documents(control, self.blobs, self.ports.clock, background=False)
        )

    @cached_property
    def quarantine(self) -> Quarantine:
        """Return the quarantine, as the control plane and the keeper of keys."""
        from shared.ingest.quarantine import Quarantine

        return Quarantine(
            self.database(Login.CONTROL), self.database(Login.KEYS), self.keyring, self.gate
        )

    @cached_property
    def runs(self) -> Runs:
        """Return the platform runs."""
        from shared.ingest.runs import Runs

        return Runs(self.database(Login.CONTROL), self.ports.ids)
