"""The ledger as auditors and operators ask it."""

from __future__ import annotations

from collections.abc import Mapping

from shared.kernel.call import Call, demand
from shared.kernel.db import Database
from shared.kernel.errors import EnvironmentDiffers
from shared.kernel.ports import SigningKeys
from shared.ledger.compare import Kind
from shared.ledger.copies import Copies
from shared.ledger.keys import Trust
from shared.ledger.live import LiveEvidence
from shared.ledger.report import Checkpoint, Report, carry_on
from shared.ledger.seals import Scale
from shared.ledger.status import StreamStatus, look
from shared.ledger.streams import wanted
from shared.ledger.verification import Verification
from shared.ledger.vocabulary import Permission


class Ledger:
    """Verifies, and tells how sealing stands."""

    def __init__(self, database: Database, keys: SigningKeys, copies: Copies) -> None:
        """Read as ``ops_audit``."""
        self._database = database
        self._keys = keys
        self._copies = copies

    def keys(self, call: Call) -> Mapping[str, bytes]:
        """Return the public keys that an auditor may trust, by id."""
        demand(call, Permission.KEY_READ)
        return self._keys.public_keys()

    def home(self, call: Call) -> str | None:
        """Return the database that these keys seal for; ``None``: nothing is sealed yet."""
        demand(call, Permission.KEY_READ)
        return self._keys.pinned_home()

    def rotate(self, call: Call) -> str:
        """Make a new signing key and return its id; the next seal of a stream records it."""
        demand(call, Permission.KEY_ROTATE)
        return self._keys.rotate()

    def status(self, call: Call) -> list[StreamStatus]:
        """Return how far sealing is behind."""
        demand(call, Permission.STATUS_READ)
        with self._database.platform(call, read_only=True) as tx:
            return look(tx, call.now)

    def verify(  # noqa: PLR0913 - what an auditor may say
        self,
        call: Call,
        *,
        stream: str | None = None,
        trust: Trust | None = None,
        starts: Mapping[str, Checkpoint] | None = None,
        copies: bool = True,
        dropped: frozenset[str] = frozenset(),
    ) -> list[Report]:
        """Check one stream or all of them against their seals.

        Trusted are the keys of the provider, or those in ``trust``; never a key from the database.
        ``starts`` are checkpoints by stream; ``dropped`` are months that retention took away.
        """
        demand(call, Permission.SEAL_VERIFY)
        for name in starts or {}:
            wanted(name)
        believed = trust or Trust(self._keys.public_keys(), self._keys.pinned_home())
        reports = []
        for one in wanted(stream):
            evidence = LiveEvidence(
                self._database, self._copies if copies else None, believed, call, one.name
            )
            if evidence.home.environment != call.environment:
                raise EnvironmentDiffers
            scale = Scale(one.name, evidence.home, believed)
            report = Verification(scale, evidence, dropped=dropped).run(
                (starts or {}).get(one.name)
            )
            if believed.home not in (None, evidence.home.folder):
                report.differs(Kind.HOME_DIFFERS, 0)
            for _ in range(evidence.altered_columns()):
                report.differs(Kind.COLUMN_ALTERED, 0)
            if not copies:
                report.did_not_cover("copies in storage", report.seals)
            reports.append(report)
        carry_on(reports, starts or {})
        return reports
