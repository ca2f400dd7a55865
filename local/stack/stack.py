"""The stack as its callers see it: start or find, URLs, databases, storage accounts, stop."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from local.stack.azurite import (
    MAIN_ACCOUNT,
    Azurite,
    azurite_version,
    connection_string,
    new_accounts,
)
from local.stack.errors import StackError
from local.stack.home import DEFAULT_HOME, AzuriteState, Home, PostgresState, State
from local.stack.logins import MIGRATOR, SUPERUSER, apply_logins, complete_passwords
from local.stack.place import data_folders, erase_data, find_place
from local.stack.postgres import Cluster, admin_connection, stop_server

if TYPE_CHECKING:
    from pathlib import Path


def _say(line: str) -> None:
    print(line, file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: both services answered when it was found."""

    home: Home
    postgres: PostgresState
    azurite: AzuriteState
    accounts: dict[str, str]
    postgres_version: str
    azurite_version: str

    @classmethod
    def ensure(cls, home: Path = DEFAULT_HOME, *, durable: bool = True) -> Stack:
        """Find the stack of this folder, or start what is missing of it.

        Without `durable`, data need not survive: Postgres does not sync, Azurite stays in memory.
        """
        folder = Home(home.resolve())
        if found := cls._find(folder):
            return found
        with folder.lock():
            # Another process may have started it while this one waited.
            if found := cls._find(folder):
                return found
            _start(folder, durable=durable)
        if found := cls._find(folder):
            return found
        raise StackError(f"The stack in {folder.root} started, but stopped again.")

    @classmethod
    def find(cls, home: Path = DEFAULT_HOME) -> Stack | None:
        """Return the running stack of this folder; None unless every part of it answers."""
        return cls._find(Home(home.resolve()))

    @classmethod
    def _find(cls, home: Home) -> Stack | None:
        state = home.read()
        if state.postgres is None or state.azurite is None:
            return None
        storage = azurite_version(state.azurite.ports)
        database = _postgres_version(state.postgres, home)
        if storage is None or database is None:
            return None
        return cls(home, state.postgres, state.azurite, state.accounts, database, storage)

    def stop(self) -> None:
        stop(self.home.root)

    # --- Postgres

    def admin_url(self, database: str = "postgres") -> str:
        """Return the superuser's URL, for what no duty login may do."""
        return self.login_url(SUPERUSER, database)

    def database_url(self, name: str = "opsplane") -> str:
        """Return a URL without a user: each duty adds its own login."""
        return self._url("", name)

    def login_url(self, login: str, name: str = "opsplane") -> str:
        return self._url(f"{login}@", name)

    def _url(self, user: str, name: str) -> str:
        passfile = quote(str(self.home.passfile))
        return f"postgresql://{user}127.0.0.1:{self.postgres.port}/{name}?passfile={passfile}"

    def has_database(self, name: str) -> bool:
        with self._admin() as admin:
            found = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            return found.fetchone() is not None

    def create_database(
        self, name: str, template: str | None = None, owner: str = MIGRATOR
    ) -> None:
        """Create a database: empty but for pgvector, or a copy of one that nobody is using."""
        with self._admin() as admin:
            admin.execute(
                # For small templates as fast as file_copy, and it forces no checkpoint on others.
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY wal_log").format(
                    sql.Identifier(name),
                    sql.Identifier(owner),
                    sql.Identifier(template or "template1"),
                )
            )

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, whoever is connected to it."""
        with self._admin() as admin:
            admin.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def ensure_logins(self) -> None:
        """Create the duty logins, or bring those that exist back to what they may be."""
        with self.home.lock():
            _apply_logins(self.postgres, self.home)

    def _admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return admin_connection(self.postgres.port, self.home.passfile)

    # --- Storage

    @property
    def storage_accounts(self) -> tuple[str, ...]:
        return tuple(self.accounts)

    def storage(self, account: str = MAIN_ACCOUNT) -> str:
        """Return an account's connection string, as `AzureWebJobsStorage` holds it."""
        return connection_string(account, self.accounts[account], self.azurite.ports)


def stop(home: Path = DEFAULT_HOME, *, erase: bool = False) -> bool:
    """Stop whatever runs of this folder's stack, and delete its data if `erase` says so.

    False when nothing ran.
    """
    folder = Home(home.resolve())
    if not folder.root.is_dir():
        return False
    with folder.lock():
        state = folder.read()
        storage = Azurite(folder.azurite_data, folder.azurite_log, durable=state.durable)
        ran = storage.stop()
        for data in data_folders(folder.root, state.postgres.data if state.postgres else None):
            ran |= stop_server(data)
            if erase:
                erase_data(folder.root, data)
        if erase:
            folder.erase()
    return ran


def _start(home: Home, *, durable: bool) -> None:
    """Start what does not answer; the caller holds the lock."""
    state = home.read()
    accounts = new_accounts(state.accounts)
    complete_passwords(home.passfile)
    place = find_place(home.root, state.postgres.data if state.postgres else None, _say)
    cluster = Cluster(place, home.postgres_log, home.passfile, durable)
    emulator = Azurite(home.azurite_data, home.azurite_log, durable)
    with ThreadPoolExecutor(2) as starting:
        storage = starting.submit(_start_azurite, emulator, state, accounts)
        database = starting.submit(cluster.start, state.postgres.port if state.postgres else None)
        # What has started is recorded even if the other has not: the next start completes it.
        failures = [error for future in (database, storage) if (error := future.exception())]
    state = State(
        durable=durable,
        postgres=state.postgres if database.exception() else database.result(),
        azurite=state.azurite if storage.exception() else storage.result(),
        accounts=accounts,
    )
    home.write(state)
    if failures:
        raise failures[0]
    if state.postgres:
        _apply_logins(state.postgres, home)


def _start_azurite(emulator: Azurite, state: State, accounts: dict[str, str]) -> AzuriteState:
    if state.azurite and state.accounts == accounts and azurite_version(state.azurite.ports):
        return state.azurite
    return emulator.start(state.azurite.ports if state.azurite else (), accounts)


def _apply_logins(postgres: PostgresState, home: Home) -> None:
    # Databases are copied from template1, and pgvector may be created by a superuser alone.
    with admin_connection(postgres.port, home.passfile, "template1") as admin:
        admin.execute("CREATE EXTENSION IF NOT EXISTS vector")
        apply_logins(admin, complete_passwords(home.passfile))


def _postgres_version(postgres: PostgresState, home: Home) -> str | None:
    try:
        with admin_connection(postgres.port, home.passfile) as admin:
            folder = admin.execute("SHOW data_directory").fetchone()
            # Another stack's server may have taken the port.
            if folder is None or folder[0] != postgres.data:
                return None
            return admin.info.parameter_status("server_version")
    except psycopg.OperationalError:
        return None
