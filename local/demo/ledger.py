"""What the database holds, as only a check may look: as the superuser, or as one duty login."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from local.environment import LocalEnvironment

_COUNTS = """
SELECT (SELECT count(*) FROM ops.admission),
       (SELECT count(*) FROM ops.record),
       (SELECT count(*) FROM ops.pii_vault),
       (SELECT count(*) FROM ops.receipt_document),
       (SELECT count(*) FROM ops.receipt_document WHERE written_at IS NULL),
       (SELECT count(*) FROM ops.fact)
"""
_VISIBLE = "SELECT count(*) FROM ops.admission"
_ENTER = "SELECT set_config('ops.tenant', %s, true)"


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of the tables that an admission writes."""

    admissions: int
    records: int
    sealed: int
    documents: int
    unwritten: int
    facts: int

    @property
    def stored(self) -> tuple[int, int, int]:
        """What one admission adds one to, each."""
        return self.admissions, self.records, self.sealed


def counts(environment: LocalEnvironment) -> Counts:
    url = environment.stack.admin_url(environment.database)
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(_COUNTS).fetchone()
    return Counts(*(row or ()))


def visible(environment: LocalEnvironment, tenant: str) -> int:
    """Return how many admissions the ingest login sees; an empty tenant is none at all."""
    url = environment.stack.login_url("ops_data", environment.database)
    with psycopg.connect(url) as connection:
        connection.execute(_ENTER, (tenant,))
        row = connection.execute(_VISIBLE).fetchone()
    return int(row[0]) if row else 0
