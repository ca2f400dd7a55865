"""Applies the migrations: one at a time, each in its own transaction, each exactly once.

(1) One runner at a time: an advisory lock; a second one waits. (2) A file that was applied and
then edited is refused by its checksum. (3) Numbers have no gap and no twin. (4) A file runs with
a short lock timeout, so it cannot queue the whole application behind itself. (5) ``pre`` files
run before a release, ``post`` files after it; ``--phase pre`` stops at the first ``post`` file
that is still due, because order is global (D12, 000-R22).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import psycopg
from psycopg import sql

from shared.kernel.canonical import content_address
from shared.kernel.errors import Conflict, Unavailable

PACKAGE = "shared.migrations"
_FILE = re.compile(r"(\d{4})_(pre|post)_([a-z0-9_]+)\.sql")
_LOCK = 4_713_002_001
"""Any constant; the same in every release."""
_LOCK_TIMEOUT = "4s"
_STATEMENT_TIMEOUT = "120s"

_LEDGER = b"""
CREATE TABLE IF NOT EXISTS public.ops_migration (
    number integer NOT NULL,
    name text NOT NULL,
    phase text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT ops_migration_pk PRIMARY KEY (number)
)
"""


class MigrationEdited(Conflict):
    """A file that was already applied is not what it was."""

    code = "migrations.edited"
    title = "An applied migration was edited; restore it and write a new one"


class MigrationsBroken(Conflict):
    """The files do not make one sequence."""

    code = "migrations.broken"
    title = "The migration files do not make one gapless sequence"


class MigrationFailed(Unavailable):
    """A file did not apply; nothing of it is left."""

    code = "migrations.failed"
    title = "A migration failed and was rolled back"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    phase: str
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Return the content address of the file."""
        return content_address(self.text.encode())


def available() -> list[Migration]:
    """Return every migration in order. Raises `MigrationsBroken`."""
    found = sorted(_read(), key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationsBroken
    return found


def _read() -> Iterator[Migration]:
    for entry in files(PACKAGE).iterdir():
        if match := _FILE.fullmatch(entry.name):
            text = entry.read_text(encoding="utf-8")
            yield Migration(int(match[1]), match[2], match[3], text)


def due(connection: psycopg.Connection) -> list[Migration]:
    """Return what is not applied yet. Raises `MigrationEdited`."""
    connection.execute(_LEDGER)
    applied: dict[int, str] = dict(
        connection.execute(b"SELECT number, checksum FROM public.ops_migration").fetchall()
    )
    migrations = available()
    for migration in migrations:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationEdited(f"{migration.number:04} {migration.name} was edited")
    return [migration for migration in migrations if migration.number not in applied]


def migrate(url: str, phase: str = "all") -> list[Migration]:
    """Apply what is due and return it; run again, it returns nothing.

    ``url`` connects as the migrator, who owns the schema. Raises `MigrationFailed`,
    `MigrationEdited`, `MigrationsBroken`.
    """
    done: list[Migration] = []
    with psycopg.connect(url, autocommit=True, application_name="opsplane-migrate") as connection:
        connection.execute(b"SELECT pg_advisory_lock(%s)", (_LOCK,))
        for migration in due(connection):
            if phase == "pre" and migration.phase == "post":
                break
            _apply(connection, migration)
            done.append(migration)
    return done


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    try:
        with connection.transaction():
            for name, value in (
                ("lock_timeout", _LOCK_TIMEOUT),
                ("statement_timeout", _STATEMENT_TIMEOUT),
            ):
                connection.execute(
                    sql.SQL("SET LOCAL {} TO {}").format(sql.Identifier(name), sql.Literal(value))
                )
            connection.execute(migration.text.encode())
            connection.execute(
                b"INSERT INTO public.ops_migration (number, name, phase, checksum)"
                b" VALUES (%s, %s, %s, %s)",
                (migration.number, migration.name, migration.phase, migration.checksum),
            )
    except psycopg.Error as error:
        place = f"{migration.number:04}_{migration.phase}_{migration.name}.sql"
        reason = error.diag.message_primary or type(error).__name__
        raise MigrationFailed(f"{place}: {reason}") from error
