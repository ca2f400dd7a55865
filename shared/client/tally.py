"""Counts of a delivery, in the words of the gate's answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from shared.client.requests import Outcome

ADMIT, DUPLICATE, QUARANTINE = "ADMIT", "DUPLICATE", "QUARANTINE"
REFUSED = "REFUSED"
"""Our own word for a record that did not go in."""


@dataclass(slots=True)
class Tally:
    """What became of rows; every row is counted under exactly one of these."""

    admitted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    refused: int = 0
    left_out: int = 0

    @property
    def rows(self) -> int:
        """All rows that were settled."""
        return sum(asdict(self).values())

    @property
    def taken(self) -> int:
        """The records that the gate decided about."""
        return self.admitted + self.duplicates + self.quarantined

    def add(self, other: Tally) -> None:
        self.admitted += other.admitted
        self.duplicates += other.duplicates
        self.quarantined += other.quarantined
        self.refused += other.refused
        self.left_out += other.left_out


def tally_of(outcome: Outcome) -> Tally:
    """Count one outcome that was taken."""
    found = [decision.decision for decision in outcome.decisions]
    return Tally(
        admitted=found.count(ADMIT),
        duplicates=found.count(DUPLICATE),
        quarantined=found.count(QUARANTINE),
        # A record may be refused for several reasons.
        refused=len({one.index for one in outcome.batch.refused}),
        left_out=len(outcome.batch.left_out),
    )
