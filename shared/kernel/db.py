"""Postgres: one pool per duty login, one transaction per method, one tenant in it.

A transaction names its tenant with ``SET LOCAL ops.tenant``; row-level security is forced on
every tenant table and an unset tenant sees nothing (design 2.2). The setting ends with the
transaction, so a pooled connection cannot carry a tenant to its next user; PgBouncer in
transaction mode keeps that true. Work across tenants says so with `Database.platform`, which
policies honour for few logins only.

Round trips: ``BEGIN`` and the settings travel together, so a transaction costs two on top of its
statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import psycopg
from psycopg import errors, pq, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row, scalar_row, tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from shared.kernel.call import Call
from shared.kernel.errors import Unavailable

type Params = Mapping[str, Any] | None
type Connection = psycopg.Connection[Any]

TRANSACTION_SECONDS = 30
"""A write transaction that lives longer is ended by Postgres: it holds the sealing horizon."""
_CONNECT_SECONDS = 5
_STREAM_ROWS = 500
_RECONNECT_SECONDS = 3.0
_DEAD_PEER = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A failover that drops packets would otherwise hold a thread for a quarter of an hour."""
_BEGIN = sql.SQL(
    "BEGIN; SET LOCAL ops.tenant TO {tenant}; SET LOCAL ops.scope TO {scope};"
    " SET LOCAL transaction_timeout TO {timeout}"
)
_READ_ONLY = sql.SQL("; SET TRANSACTION READ ONLY")


class Login(StrEnum):
    """One database login per duty; there is no SET ROLE (design 3)."""

    MIGRATOR = "ops_migrator"
    DATA = "ops_data"
    CONTROL = "ops_control"
    JOBS = "ops_jobs"
    KEYS = "ops_keys"
    SEAL = "ops_seal"
    BACKUP = "ops_backup"
    AUDIT = "ops_audit"
    SEARCH = "ops_search"


class DatabaseUnavailable(Unavailable):
    """Postgres did not answer, or gave up a transaction that may be tried again."""

    code = "db.unavailable"
    title = "The database is not available at the moment"


class OutcomeUnknown(Unavailable):
    """The connection was lost while committing: a repeat with the same content settles it."""

    code = "db.outcome_unknown"
    title = "It is not known whether the change was recorded; send the same request again"


class AlreadyThere(Unavailable):
    """Another transaction committed the same key first; deciding again finds it."""

    code = "db.already_there"
    title = "Somebody else recorded the same thing at this moment; send the request again"


class NotMigrated(Unavailable):
    """A table is not there: this release is newer than the schema."""

    code = "db.not_migrated"
    title = "The database lacks tables of this release; see: opsplane db migrate"


_RETRYABLE = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.QueryCanceled,
    errors.TransactionTimeout,
    errors.IdleInTransactionSessionTimeout,
    errors.LockNotAvailable,
    errors.TooManyConnections,
    errors.ReadOnlySqlTransaction,
)
_SCHEMALESS = (errors.UndefinedTable, errors.InvalidSchemaName)


def login_url(url: str, login: Login, password: Callable[[Login], str] | None = None) -> str:
    """Return how ``login`` connects to ``url``, which names no user.

    ``password`` is asked now; without it libpq uses the pass file.
    """
    parts: dict[str, Any] = {
        **conninfo_to_dict(url),
        "user": login.value,
        "application_name": "opsplane",
    }
    if password is None:
        return make_conninfo(**parts)
    # The password is a bearer token: it goes to a server that proves itself, or nowhere.
    verified = {"sslmode": "verify-full", "sslrootcert": "system"}
    return make_conninfo(**{**verified, **parts, "password": password(login)})


def begin_statement(tenant: str, scope: str = "tenant") -> sql.Composed:
    """Return what opens a transaction inside a tenant: one round trip."""
    return _BEGIN.format(
        tenant=sql.Literal(tenant),
        scope=sql.Literal(scope),
        timeout=sql.Literal(f"{TRANSACTION_SECONDS}s"),
    )


class Tx:
    """An open transaction: runs named statements, maps rows to classes."""

    def __init__(self, connection: Connection) -> None:
        """Wrap a connection inside a transaction."""
        self._connection = connection

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        """Send the statements of a block together: one round trip, no results in between.

        An error of any of them surfaces at the end of the block at the latest.
        """
        with self._connection.pipeline():
            yield

    def run(self, query: bytes, params: Params = None) -> int:
        """Run a statement and return the number of rows it touched."""
        return self._connection.execute(query, params, prepare=False).rowcount

    def one[T](self, shape: type[T], query: bytes, params: Params = None) -> T | None:
        """Return the only row as ``shape``, or ``None``."""
        with self._connection.cursor(row_factory=class_row(shape)) as cursor:
            return cursor.execute(query, params, prepare=False).fetchone()

    def all[T](self, shape: type[T], query: bytes, params: Params = None) -> list[T]:
        """Return every row as ``shape``."""
        with self._connection.cursor(row_factory=class_row(shape)) as cursor:
            return cursor.execute(query, params, prepare=False).fetchall()

    def value(self, query: bytes, params: Params = None) -> Any:
        """Return the first column of the first row, or ``None`` for no row."""
        with self._connection.cursor(row_factory=scalar_row) as cursor:
            return cursor.execute(query, params, prepare=False).fetchone()

    def values(self, query: bytes, params: Params = None, *, binary: bool = False) -> list[Any]:
        """Return the first column of every row."""
        with self._connection.cursor(row_factory=scalar_row, binary=binary) as cursor:
            return cursor.execute(query, params, prepare=False).fetchall()

    def rows(
        self, query: bytes, params: Params = None, *, binary: bool = False
    ) -> Sequence[tuple[Any, ...]]:
        """Return every row as a tuple."""
        with self._connection.cursor(row_factory=tuple_row, binary=binary) as cursor:
            return cursor.execute(query, params, prepare=False).fetchall()

    def stream(self, query: bytes, params: Params = None) -> Iterator[tuple[Any, ...]]:
        """Yield rows as they arrive, in memory that does not grow with their number.

        Until the last row is taken the transaction can do nothing else.
        """
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            yield from cursor.stream(query, params, binary=True, size=_STREAM_ROWS)


class Database:
    """The database as one duty login sees it."""

    def __init__(
        self,
        url: str,
        login: Login,
        *,
        pool_max: int = 4,
        password: Callable[[Login], str] | None = None,
    ) -> None:
        """Remember how to connect; nothing connects before the first transaction.

        ``url`` names no user: the login is the user. ``password`` is asked once per new
        connection (an Entra token lives about an hour); without it libpq uses the pass file.
        """
        self.login = login
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            lambda: login_url(url, login, password),
            min_size=0,
            max_size=pool_max,
            max_idle=300,
            timeout=_CONNECT_SECONDS,
            # The pool waits longer after every failed attempt; without this bound the app would
            # stay down for about as long again as the database was.
            reconnect_timeout=_RECONNECT_SECONDS,
            open=False,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "connect_timeout": _CONNECT_SECONDS,
                **_DEAD_PEER,
            },
            name=login.value,
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def transaction(self, call: Call, *, read_only: bool = False) -> Iterator[Tx]:
        """Open a transaction inside the call's tenant; without one, tenant tables are empty.

        Commits at the end, rolls back on any error. Raises `DatabaseUnavailable` when nothing
        was committed and a repeat is safe, `OutcomeUnknown` when the commit itself was cut off.
        """
        with self._open(call.tenant_id or "", "tenant", read_only=read_only) as tx:
            yield tx

    @contextmanager
    def platform(self, call: Call, *, read_only: bool = False) -> Iterator[Tx]:
        """Open a transaction across tenants, for the logins whose duty that is."""
        with self._open(call.tenant_id or "", "platform", read_only=read_only) as tx:
            yield tx

    @contextmanager
    def _open(self, tenant: str, scope: str, *, read_only: bool) -> Iterator[Tx]:
        connection = self._begin(tenant, scope, read_only=read_only)
        try:
            yield Tx(connection)
        except BaseException as error:
            _roll_back(connection)
            if isinstance(error, (psycopg.OperationalError, *_RETRYABLE)):
                raise DatabaseUnavailable from error
            if isinstance(error, errors.UniqueViolation):
                # Without the driver's text, which repeats the key.
                raise AlreadyThere from None
            if isinstance(error, _SCHEMALESS):
                raise NotMigrated from error
            raise
        else:
            self._commit(connection, read_only=read_only)
        finally:
            self._pool.putconn(connection)

    def _begin(self, tenant: str, scope: str, *, read_only: bool) -> Connection:
        begin = begin_statement(tenant, scope)
        # A pooled connection may have died since its last use. Nothing has been asked of it yet,
        # so the first failure is answered with another connection, at most pool-size times.
        for _ in range(self._pool.max_size + 1):
            try:
                # Opening is idempotent and cheap; it is here so that importing connects nothing.
                self._pool.open()
                connection = self._pool.getconn()
            except (PoolTimeout, psycopg.OperationalError) as error:
                raise DatabaseUnavailable from error
            try:
                connection.execute(begin + _READ_ONLY if read_only else begin)
            except psycopg.OperationalError:
                connection.close()
                self._pool.putconn(connection)
            except BaseException:
                # Whatever it is, the pool must get its connection back.
                connection.close()
                self._pool.putconn(connection)
                raise
            else:
                return connection
        raise DatabaseUnavailable

    def _commit(self, connection: Connection, *, read_only: bool) -> None:
        try:
            status = connection.execute("COMMIT").statusmessage
        except (errors.TransactionTimeout, errors.IdleInTransactionSessionTimeout) as error:
            # Postgres ended the transaction before the COMMIT arrived: nothing was committed.
            connection.close()
            raise DatabaseUnavailable from error
        except psycopg.OperationalError as error:
            connection.close()
            raise (DatabaseUnavailable if read_only else OutcomeUnknown) from error
        if status != "COMMIT":
            # Postgres answers ROLLBACK to a COMMIT in a failed transaction.
            raise DatabaseUnavailable


def _roll_back(connection: Connection) -> None:
    try:
        if connection.pgconn.transaction_status == pq.TransactionStatus.IDLE:
            return
        connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()
