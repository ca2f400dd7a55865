"""Database logins: one per duty, with random passwords that only the pass file holds."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from psycopg import sql

from local.stack.home import write_secret

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

SUPERUSER = "postgres"
MIGRATOR = "ops_migrator"
LOGINS = (
    MIGRATOR,
    "ops_data",
    "ops_control",
    "ops_jobs",
    "ops_keys",
    "ops_seal",
    "ops_backup",
    "ops_audit",
    "ops_search",
)
# A backup must see every tenant's rows; nothing else may.
_BYPASSES_ROW_SECURITY = frozenset({"ops_backup"})

_PASSWORD_BYTES = 32


def read_passwords(passfile: Path) -> dict[str, str]:
    """Return login -> password; empty when there is no pass file."""
    try:
        lines = passfile.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        # libpq's format; our passwords hold no colon.
        match line.split(":"):
            case [_host, _port, _database, login, password]:
                found[login] = password
    return found


def complete_passwords(passfile: Path) -> dict[str, str]:
    """Give every login that lacks one a password; return all of them."""
    passwords = read_passwords(passfile)
    missing = [login for login in (SUPERUSER, *LOGINS) if login not in passwords]
    if missing:
        passwords |= {login: secrets.token_urlsafe(_PASSWORD_BYTES) for login in missing}
        # Any port: a stack may move to another one, and the host is this machine alone.
        lines = [f"127.0.0.1:*:*:{login}:{password}" for login, password in passwords.items()]
        write_secret(passfile, "\n".join(["# Local development only.", *lines, ""]))
    elif passfile.stat().st_mode & 0o077:
        # libpq ignores a pass file that others may read.
        os.chmod(passfile, 0o600)  # noqa: PTH101  # Path.chmod follows links as this does.
    return passwords


def apply_logins(connection: psycopg.Connection, passwords: dict[str, str]) -> None:
    """Create the duty logins, or bring those that exist back to what they may be."""
    known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    with connection.transaction():
        for login in LOGINS:
            # Encrypting here keeps the password itself out of every statement.
            verifier = connection.pgconn.encrypt_password(
                passwords[login].encode(), login.encode(), b"scram-sha-256"
            ).decode()
            connection.execute(
                sql.SQL(
                    "{verb} ROLE {login} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
                    " {bypass} PASSWORD {verifier}"
                ).format(
                    verb=sql.SQL("ALTER" if login in known else "CREATE"),
                    login=sql.Identifier(login),
                    bypass=sql.SQL(
                        "BYPASSRLS" if login in _BYPASSES_ROW_SECURITY else "NOBYPASSRLS"
                    ),
                    verifier=sql.Literal(verifier),
                )
            )
