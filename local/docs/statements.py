"""The named statements of every room, and which login may run which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from local.docs.reading import PROJECT
from local.stack import Stack
from shared.kernel.db import Login

_NAMED = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)
_PARAMETER = re.compile(r"%\((\w+)\)[sbt]")
_EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a ``.sql`` file beside its room."""

    file: Path
    name: str
    meaning: str
    text: str

    @property
    def room(self) -> str:
        """Return the package that owns it, such as ``ingest``."""
        return self.file.parent.name

    @property
    def numbered(self) -> str:
        """Return the text with ``$1``, ``$2``… in place of named parameters."""
        names = list(dict.fromkeys(_PARAMETER.findall(self.text)))
        text = _PARAMETER.sub(lambda match: f"${names.index(match[1]) + 1}", self.text)
        return text.replace("%%", "%")


def statements() -> tuple[Statement, ...]:
    """Return every named statement of the product, file by file."""
    files = sorted((PROJECT / "shared").rglob("*.sql"))
    return tuple(
        found for file in files if file.parent.name != "migrations" for found in _read(file)
    )


def _read(file: Path) -> Iterator[Statement]:
    parts = _NAMED.split(file.read_text(encoding="utf-8"))[1:]
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        lines = body.strip().splitlines()
        told = [line for line in lines if line.startswith("--")]
        text = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
        meaning = " ".join(line.removeprefix("--").strip() for line in told)
        yield Statement(file, name, meaning, text.strip().rstrip(";"))


def runnable(stack: Stack, database: str) -> dict[str, set[str]]:
    """Return which logins hold the privileges for which statement, by ``room.name``."""
    found: dict[str, set[str]] = {_key(statement): set() for statement in statements()}
    for login in Login:
        with psycopg.connect(stack.login_url(login, database), autocommit=True) as connection:
            for statement in statements():
                if _may(connection, statement):
                    found[_key(statement)].add(login)
    return found


def _key(statement: Statement) -> str:
    return f"{statement.room}.{statement.name}"


def _may(connection: psycopg.Connection, statement: Statement) -> bool:
    text = statement.numbered
    if text.startswith(_EXPLAINED):
        # Planning without values; Postgres checks privileges before it shows the plan.
        text = "EXPLAIN (GENERIC_PLAN) " + text
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(text.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True
