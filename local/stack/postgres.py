"""One Postgres cluster: created, started, recovered after a kill, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from local.stack import processes
from local.stack.errors import StackError
from local.stack.home import PostgresState, write_secret
from local.stack.logins import SUPERUSER, read_passwords

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.stack.place import Place

_START_ATTEMPTS = 3
# Recovery after a kill reads the log written since the last checkpoint.
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
# Nothing of ours may reach the server: PGDATA or PGPORT of a developer's shell would steer it.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}

_SETTINGS = """\
# Written at every start; see local/stack/postgres.py.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
cluster_name = 'opsplane'
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
password_encryption = 'scram-sha-256'  # pragma: allowlist secret
# Passwords are 32 random bytes: stretching them would slow each connection and protect nothing.
scram_iterations = 1
# The log is for the server's own life. A statement, a parameter or the text of an error may hold
# a value, and no value may land in a log: errors reach the client alone.
log_destination = 'stderr'
log_line_prefix = '%m [%p] '
log_statement = 'none'
log_min_messages = 'log'
log_min_error_statement = 'panic'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = 'terse'
log_checkpoints = off
log_autovacuum_min_duration = -1
"""
# For tests, which may lose everything.
_FORGETFUL = """\
fsync = off
synchronous_commit = off
full_page_writes = off
"""
_ACCESS = """\
# Written at every start; see local/stack/postgres.py.
host all all 127.0.0.1/32 scram-sha-256
"""


class _WrongPasswordError(Exception):
    """The server runs, and does not know the password of the pass file."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder and the server over it."""

    place: Place
    log: Path
    passfile: Path
    durable: bool

    def start(self, preferred_port: int | None) -> PostgresState:
        """Start the server, or take over one that runs already over this data folder."""
        if not self._created.exists():
            self._create()
        try:
            return self._start(preferred_port)
        except _WrongPasswordError:
            # The pass file was lost or replaced. Whoever may stop the server may set another.
            stop_server(self.place.data)
            self._set_password()
            return self._start(preferred_port)

    def _start(self, preferred_port: int | None) -> PostgresState:
        if running := _postmasters(self.place.data):
            return self._adopt(running[0])
        _clear_remains(self.place.data)
        wish = [preferred_port] if preferred_port else []
        for _ in range(_START_ATTEMPTS):
            (port,) = processes.choose_ports(wish, 1)
            server = self._launch(port)
            if self._await_ready(port, server):
                return self._state(server, port)
            # Most often another program took the port in between; the log says when it was not.
            wish = []
        raise StackError.with_log("Postgres did not start.", self.log)

    @property
    def _created(self) -> Path:
        return self.place.data / "opsplane.created"

    def _create(self) -> None:
        """Make a cluster; a half-made one of an interrupted start is thrown away."""
        stop_server(self.place.data)
        for remains in self.place.data.iterdir():
            if remains.is_dir() and not remains.is_symlink():
                shutil.rmtree(remains)
            else:
                remains.unlink()
        self._run(
            [
                self.place.program("initdb"),
                *("-D", str(self.place.data), "-U", SUPERUSER),
                *("--encoding=UTF8", "--locale=C"),
                # The builtin provider sorts the same on every machine.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                # Nobody connects before the password is set and our own access file is there.
                "--auth=reject",
                "--no-instructions",
                *(() if self.durable else ("--no-sync",)),
            ]
        )
        self._set_password()
        self._created.touch()

    def _set_password(self) -> None:
        """Set the superuser's password with the server down, which asks for no old one."""
        self._configure()
        password = read_passwords(self.passfile)[SUPERUSER]
        self._run(
            [self.place.program("postgres"), "--single", "-D", str(self.place.data), "postgres"],
            f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n",
        )

    def _run(self, argv: Sequence[str], text: str = "") -> None:
        identity = self.place.account.run_args() if self.place.account else {}
        done = subprocess.run(
            argv,
            input=text.encode(),
            capture_output=True,
            check=False,
            cwd=self.place.data,
            env=_ENVIRONMENT,
            **identity,  # type: ignore[call-overload]  # As in `processes.spawn`.
        )
        if done.returncode:
            output = (done.stdout + done.stderr).decode(errors="replace").strip()
            raise StackError(f"{argv[0]} failed in {self.place.data}:\n{output}")

    def _configure(self) -> None:
        settings = _SETTINGS + ("" if self.durable else _FORGETFUL)
        for name, text in (("postgresql.conf", settings), ("pg_hba.conf", _ACCESS)):
            path = self.place.data / name
            write_secret(path, text)
            if account := self.place.account:
                os.chown(path, account.uid, account.gid)

    def _launch(self, port: int) -> int:
        self._configure()
        return processes.spawn(
            [self.place.program("postgres"), "-D", str(self.place.data), "-p", str(port)],
            log=self.log,
            cwd=self.place.data,
            env=_ENVIRONMENT,
            account=self.place.account,
        )

    def _adopt(self, pid: int) -> PostgresState:
        """Adopt a server that another process started but did not live to record."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                # The fourth line of the lock file is the port.
                port = int((self.place.data / "postmaster.pid").read_text().splitlines()[3])
            except (OSError, IndexError, ValueError):
                time.sleep(0.02)
                continue
            if self._await_ready(port, None):
                return self._state(pid, port)
        raise StackError.with_log("Postgres runs but does not answer. Try: make down", self.log)

    def _await_ready(self, port: int, server: int | None) -> bool:
        """Wait until the server takes connections; False when it gave up."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and (server is None or processes.alive(server)):
            try:
                admin_connection(port, self.passfile).close()
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise _WrongPasswordError from error
                time.sleep(0.01)
            else:
                return True
        return False

    def _state(self, pid: int, port: int) -> PostgresState:
        return PostgresState(
            pid=pid, started=processes.started_at(pid), port=port, data=str(self.place.data)
        )


def stop_server(data: Path) -> bool:
    """Stop the server over a data folder, and what a killed one left; say whether it ran."""
    running = _postmasters(data)
    # SIGINT is Postgres's fast shutdown: roll back, write everything, leave.
    processes.end(running, politely=signal.SIGINT, seconds=_STOP_SECONDS)
    _clear_remains(data)
    return bool(running)


def _postmasters(data: Path) -> list[int]:
    return processes.running("-D", str(data))


def _clear_remains(data: Path) -> None:
    """Remove what a server that was killed leaves: busy backends and a stale lock file.

    The server would judge the lock file by its process id alone, which may be another program's
    by now.
    """
    if _postmasters(data):
        return
    left = processes.working_in(data, "postgres")
    processes.end(left, politely=signal.SIGQUIT, seconds=_STOP_SECONDS)
    (data / "postmaster.pid").unlink(missing_ok=True)


def admin_connection(
    port: int, passfile: Path, database: str = "postgres"
) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as superuser, for what no duty login may do."""
    return psycopg.connect(
        host="127.0.0.1",
        port=port,
        dbname=database,
        user=SUPERUSER,
        passfile=str(passfile),
        connect_timeout=5,
        autocommit=True,
        # A developer's own certificate settings have no say on the loopback.
        sslmode="disable",
    )
