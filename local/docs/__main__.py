"""``python -m local.docs write|check``."""

from __future__ import annotations

import argparse
import difflib
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from local.docs.database import database_page, schema_sql
from local.docs.interface import (
    cli_page,
    error_codes_page,
    openapi_json,
    permissions_page,
    routes_page,
)
from local.docs.reading import PROJECT
from local.docs.records import contracts_page, facts_page, reason_codes_page
from local.docs.settings import sample, settings_page
from local.stack import Stack
from shared.kernel.migrate import migrate

REFERENCE = "docs/reference"
FIX = "make docs"

PAGES: dict[str, Callable[[], str]] = {
    f"{REFERENCE}/routes.md": routes_page,
    f"{REFERENCE}/permissions.md": permissions_page,
    f"{REFERENCE}/settings.md": settings_page,
    f"{REFERENCE}/facts.md": facts_page,
    f"{REFERENCE}/error-codes.md": error_codes_page,
    f"{REFERENCE}/reason-codes.md": reason_codes_page,
    f"{REFERENCE}/contracts.md": contracts_page,
    f"{REFERENCE}/cli.md": cli_page,
    f"{REFERENCE}/openapi.json": openapi_json,
    "local.settings.sample.json": sample,
}
"""What code alone can tell."""

DATABASE_PAGES: dict[str, Callable[[Stack, str], str]] = {
    f"{REFERENCE}/database.md": database_page,
    "shared/migrations/schema.sql": schema_sql,
}
"""What a migrated database tells."""


def difference(path: str, made: str) -> str:
    """Return how a file differs from what it should be; empty when it does not."""
    try:
        there = (PROJECT / path).read_text(encoding="utf-8")
    except OSError:
        there = ""
    return "".join(
        difflib.unified_diff(
            there.splitlines(keepends=True), made.splitlines(keepends=True), path, f"{path} (made)"
        )
    )


@contextmanager
def _migrated() -> Iterator[tuple[Stack, str]]:
    """Give a migrated database for as long as it is looked at."""
    running = Stack.find()
    stack = running or Stack.ensure()
    name = f"docs_{uuid.uuid4().hex[:8]}"
    stack.create_database(name)
    try:
        migrate(stack.login_url("ops_migrator", name))
        yield stack, name
    finally:
        stack.drop_database(name)
        if running is None:
            stack.stop()


def _made() -> Iterator[tuple[str, str]]:
    for path, make in PAGES.items():
        yield path, make()
    with _migrated() as (stack, name):
        for path, read in DATABASE_PAGES.items():
            yield path, read(stack, name)


def main() -> int:
    """Write every page, or show which ones differ."""
    parser = argparse.ArgumentParser(prog="python -m local.docs", description=__doc__)
    parser.add_argument("what", choices=("write", "check"))
    writing = parser.parse_args().what == "write"
    stale = []
    for path, made in _made():
        found = difference(path, made)
        if not found:
            continue
        stale.append(path)
        if writing:
            (PROJECT / path).parent.mkdir(parents=True, exist_ok=True)
            (PROJECT / path).write_text(made, encoding="utf-8")
            print(f"wrote {path}")
        else:
            print(found)
    if stale and not writing:
        print(f"{len(stale)} documents are not what the code says. To fix them: {FIX}")
    return int(bool(stale) and not writing)


if __name__ == "__main__":
    sys.exit(main())
