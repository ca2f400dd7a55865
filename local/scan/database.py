"""Every table of a database, as the superuser sees it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from local.scan.folding import BREAK
from local.scan.report import Report

_SURFACE = "table"
_ROWS = 500

# Materialised views hold copies, and so do the planner's statistics (its commonest values), large
# objects, comments, and the statements that sessions ran last.
_TABLES = """
SELECT n.nspname, c.relname
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE (c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema$)')
    OR (n.nspname = 'pg_catalog'
        AND c.relname IN ('pg_statistic', 'pg_largeobject', 'pg_description', 'pg_stat_activity'))
 ORDER BY 1, 2
"""
_COLUMNS = """
SELECT a.attname, a.atttypid = 'bytea'::regtype
  FROM pg_catalog.pg_attribute AS a
 WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
"""


def scan_database(report: Report, admin_url: str) -> None:
    """Look at every column of every row. `admin_url` must be the superuser's."""
    with psycopg.connect(admin_url) as connection:
        connection.read_only = True
        for schema, table in connection.execute(_TABLES).fetchall():
            _scan_table(report, connection, schema, table)


def _scan_table(report: Report, connection: psycopg.Connection, schema: str, table: str) -> None:
    name = sql.Identifier(schema, table)
    columns = connection.execute(_COLUMNS, (name.as_string(connection),)).fetchall()
    wanted = sql.SQL(", ").join(
        # Raw bytes say all that their hex form would.
        sql.Identifier(column) if raw else sql.SQL("{}::text").format(sql.Identifier(column))
        for column, raw in columns
    )
    with connection.cursor("scan", binary=True) as rows:
        rows.execute(sql.SQL("SELECT {} FROM {}").format(wanted, name))
        while found := rows.fetchmany(_ROWS):
            report.looked[_SURFACE] += len(found)
            for (column, _), cells in zip(columns, zip(*found, strict=True), strict=True):
                place = f"{schema}.{table}.{column}"
                report.look(_SURFACE, place, BREAK.join(map(_bytes, cells)), things=0)


def _bytes(cell: Any) -> bytes:
    if cell is None:
        return b""
    return cell.encode() if isinstance(cell, str) else bytes(cell)
