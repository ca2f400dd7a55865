"""SQL has a name, a sentence and a home; every statement is valid, used and permitted."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.docs.reading import PROJECT
from local.docs.statements import Statement, runnable, statements
from local.stack import Stack
from shared.kernel.db import Login

# What reads like a statement: a verb at the beginning, and the word that goes with it.
_SQL = re.compile(
    r"^\s*(SELECT\s.+\sFROM\s|SELECT\s+pg_|INSERT\s+INTO\s|UPDATE\s.+\sSET\s|DELETE\s+FROM\s"
    r"|WITH\s.+\sAS\s*\(|CREATE\s+(TABLE|INDEX|SCHEMA|FUNCTION|POLICY)\s|ALTER\s+TABLE\s"
    r"|DROP\s+(TABLE|SCHEMA)\s|TRUNCATE\s|LOCK\s+TABLE\s|GRANT\s.+\sON\s|SET\s+LOCAL\s)",
    re.DOTALL,
)
_HOMES = {"shared/kernel/db.py", "shared/kernel/migrate.py"}
_CLOCKS = re.compile(
    r"\b(now\s*\(\)|(current|local)_(timestamp|time|date)|(statement|transaction|clock)_timestamp"
    r"|timeofday)\b",
    re.IGNORECASE,
)


def ids(statement: Statement) -> str:
    return f"{statement.room}.{statement.name}"


@pytest.fixture(scope="module")
def admin(stack: Stack, template: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack.admin_url(template), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("statement", statements(), ids=ids)
def test_a_statement_prepares_against_the_migrated_schema(
    statement: Statement, admin: psycopg.Connection
) -> None:
    """Types are for Postgres to infer: a statement that needs a hint has a cast in its text."""
    result = admin.pgconn.prepare(b"", statement.numbered.encode())
    assert not result.error_message, result.error_message.decode()


@pytest.mark.parametrize("statement", statements(), ids=ids)
def test_a_statement_says_what_it_means(statement: Statement) -> None:
    assert re.match(r"[A-Z].*\.$", statement.meaning), statement.meaning


@pytest.mark.parametrize("statement", statements(), ids=ids)
def test_a_statement_takes_time_as_a_parameter(statement: Statement) -> None:
    assert not _CLOCKS.search(statement.text)


def test_every_statement_is_permitted_to_a_login_that_works(stack: Stack, template: str) -> None:
    """A statement that only backup or audit may run is missing a grant."""
    working = set(Login) - {Login.BACKUP, Login.AUDIT}
    allowed = runnable(stack, template)
    assert [name for name, logins in allowed.items() if not logins & working] == []


def test_every_statement_is_used_in_its_room_and_nowhere_else() -> None:
    declared = Counter((statement.room, statement.name) for statement in statements())
    used = {
        (file.relative_to(PROJECT / "shared").parts[0], node.attr)
        for file in (PROJECT / "shared").rglob("*.py")
        for node in ast.walk(_tree(file))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "_sql"
    }
    assert max(declared.values()) == 1
    assert used == declared.keys()


def test_no_sql_lives_outside_its_files() -> None:
    """The two exceptions are what opens a transaction and what applies migrations."""
    found = {
        f"{file.relative_to(PROJECT)}:{node.lineno}"
        for folder in ("shared", "functions")
        for file in (PROJECT / folder).rglob("*.py")
        if str(file.relative_to(PROJECT)) not in _HOMES
        for node in ast.walk(_tree(file))
        if isinstance(node, ast.Constant) and _SQL.match(_text(node.value))
    }
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM b",
        "  insert".upper() + " INTO x VALUES (1)",
        "UPDATE x SET a = 1",
        b"DELETE FROM x",
        "LOCK TABLE x",
    ],
)
def test_the_search_for_sql_finds_sql(text: str | bytes) -> None:
    assert _SQL.match(_text(text))


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))
