"""Applies the migrations: one at a time, each in its own transaction, each exactly once.

(1) One runner at a time: an advisory lock; a second one waits. (2) A file that was applied and
then edited is refused by its checksum. (3) Numbers have no gap and no twin. (4) A file runs with
a short lock timeout, so it cannot queue the whole application behind itself. (5) ``pre`` files
run before a release, ``post`` files after it; a run for one phase stops at the first file of the
other one that is still due, because order is global (D12, 000-R22). (6) A database that was
initialised for another environment is refused (D1, 000-R18).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

import psycopg
from psycopg import sql

from shared.kernel.canonical import content_address
from shared.kernel.db import DatabaseUnavailable
from shared.kernel.errors import Conflict, EnvironmentDiffers, Unavailable

PACKAGE = "shared.migrations"
_FILE = re.compile(r"(\d{4})_(pre|post)_([a-z0-9_]+)\.sql")
_LOCK = 4_713_002_001
"""Any constant; the same in every release."""
_NAME = "opsplane-migrate"
_CONNECT_SECONDS = 5
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


@dataclass(frozen=True, slots=True)
class Standing:
    """One file, and when it was applied; ``None`` is due."""

    migration: Migration
    applied_at: datetime | None


def status(url: str) -> list[Standing]:
    """Return every file and whether it is applied; writes nothing. Raises as `migrate` does."""
    with _connection(url) as connection:
        return _standings(connection)


def plan(url: str, phase: str = "all", environment: str | None = None) -> list[Migration]:
    """Return what `migrate` would apply; writes nothing. Raises as `migrate` does."""
    with _connection(url) as connection:
        _check_environment(connection, environment)
        return _next(connection, phase)


def migrate(url: str, phase: str = "all", environment: str | None = None) -> list[Migration]:
    """Apply what is due and return it; run again, it returns nothing.

    ``url`` connects as the migrator, who owns the schema. Raises `MigrationFailed`,
    `MigrationEdited`, `MigrationsBroken`, `EnvironmentDiffers`, `DatabaseUnavailable`.
    """
    with _connection(url) as connection:
        connection.execute(b"SELECT pg_advisory_lock(%s)", (_LOCK,))
        _check_environment(connection, environment)
        due = _next(connection, phase)
        if due:
            connection.execute(_LEDGER)
        for migration in due:
            _apply(connection, migration)
    return due


@contextmanager
def _connection(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(
            url, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name=_NAME
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable from error
    except psycopg.Error as error:
        raise MigrationFailed(error.diag.message_primary or type(error).__name__) from error


def _standings(connection: psycopg.Connection) -> list[Standing]:
    applied: dict[int, tuple[str, datetime]] = {}
    if _has(connection, "public.ops_migration"):
        rows = connection.execute(
            b"SELECT number, checksum, applied_at FROM public.ops_migration"
        ).fetchall()
        applied = {number: (checksum, applied_at) for number, checksum, applied_at in rows}
    found = []
    for migration in available():
        checksum, applied_at = applied.get(migration.number, (migration.checksum, None))
        if checksum != migration.checksum:
            raise MigrationEdited(f"{migration.number:04} {migration.name} was edited")
        found.append(Standing(migration, applied_at))
    return found


def _next(connection: psycopg.Connection, phase: str) -> list[Migration]:
    due = [found.migration for found in _standings(connection) if found.applied_at is None]
    return list(itertools.takewhile(lambda file: phase in ("all", file.phase), due))


def _check_environment(connection: psycopg.Connection, environment: str | None) -> None:
    if environment is None or not _has(connection, "ops.environment_marker"):
        return
    found = connection.execute(b"SELECT environment FROM ops.environment_marker").fetchone()
    if found is not None and found[0] != environment:
        raise EnvironmentDiffers


def _has(connection: psycopg.Connection, table: str) -> bool:
    found = connection.execute(b"SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
    return found is not None and bool(found[0])


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
