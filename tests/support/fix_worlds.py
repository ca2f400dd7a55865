"""Environments that the tests of a module share, and ways to look at all of one at once.

`land` is built once per module; each test makes a tenant of its own in it (`tenant`), so that
tests neither wait for a new database nor see each other. `grow` builds one with other ports.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from psycopg import sql

from functions._problems import problem
from local.stack import Stack
from shared.adapters.blobs import MemoryBlobs
from shared.adapters.queues import MemoryQueues
from shared.bootstrap import Ports, build
from shared.ingest.contracts import shipped
from shared.kernel.canonical import canonical
from shared.kernel.clock import SteppingClock
from shared.kernel.errors import OpsError
from shared.kernel.ids import CallId
from tests.support.fix_db import START, World, ready, settings_for

CONTRACTS = tuple(shipped())
_counter = itertools.count(1)


class Unshown[T](list[T]):
    """Sample data: a failing test names its arguments, and these are nobody's to read."""

    def __repr__(self) -> str:
        return f"<{len(self)} unshown>"


@contextmanager
def grow(
    stack: Stack, template: str, folder: Path, ports: Ports | None = None, **settings: str
) -> Iterator[World]:
    """An initialised environment in a database of its own; ``ports`` stand in for the world."""
    name = f"land_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    stack.create_database(name, template=template)
    clock, blobs, queues = SteppingClock(START), MemoryBlobs(), MemoryQueues()
    made = replace(
        ports or Ports(),
        clock=clock,
        blobs=blobs,
        queues=queues,
        background=False,
    )
    services = build(settings_for(stack, name, folder, **settings), made)
    world = World(services, stack, name, clock, blobs, queues)
    try:
        ready(world)
        yield world
    finally:
        services.close()
        stack.drop_database(name)


@pytest.fixture(scope="module")
def land(stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One environment for every test of a module."""
    with grow(stack, template, tmp_path_factory.mktemp("land")) as world:
        yield world


@pytest.fixture
def tenant(land: World) -> str:
    """The name of a tenant that no other test uses; the producer may post both contracts."""
    return new_tenant(land)


def new_tenant(world: World, *contracts: str) -> str:
    """Create a tenant with grants for ``contracts``, or for all; return its name."""
    name = f"tenant-{next(_counter)}"
    world.add_tenant(name, *(contracts or CONTRACTS))
    return name


def census(world: World) -> dict[str, int]:
    """How many rows every table of the product holds, whoever they belong to."""
    with world.connect() as connection:
        tables = connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'ops' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        ).fetchall()
        count = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}, count(*) FROM ops.{}").format(
                sql.Literal(table), sql.Identifier(table)
            )
            for (table,) in tables
        )
        return dict(connection.execute(count).fetchall())


def changed(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Which tables hold more or fewer rows than before, and by how many."""
    return {
        table: after.get(table, 0) - before.get(table, 0)
        for table in before.keys() | after.keys()
        if after.get(table, 0) != before.get(table, 0)
    }


def facts(world: World, name: str, tenant: str | None = None) -> list[dict[str, Any]]:
    """Every fact of a kind, of one tenant if one is named."""
    wanted = world.tenants.get(tenant, None) if tenant else None
    rows = world.rows("SELECT body FROM ops.fact WHERE name = %s ORDER BY seq", name)
    found = [orjson.loads(body) for (body,) in rows]
    return [fact for fact in found if tenant is None or fact["tenant_id"] == wanted]


def told(error: OpsError) -> str:
    """Everything that a caller or a log line could learn from an error."""
    rendered = problem(error, CallId("cal_" + "0" * 26))
    return "\n".join([str(error), repr(error), repr(error.items), rendered.body.decode()])


def record_of(world: World, receipt_id: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The deterministic and the semantic part of an admitted record."""
    rows = world.rows(
        "SELECT deterministic, semantic FROM ops.record WHERE receipt_id = %s", receipt_id
    )
    return rows[0][0], rows[0][1]


def lines(document: bytes) -> list[Any]:
    """The lines of a receipt document, each shown to be canonical."""
    found = [orjson.loads(line) for line in document.splitlines()]
    assert [canonical(line) for line in found] == document.splitlines()
    return found
