"""A ledger with several small seals, and ways to look at it and to tamper with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.stack import Stack
from shared.adapters.signing import MemorySigningKeys
from shared.bootstrap import Ports
from shared.kernel.call import Call
from shared.kernel.db import Login
from shared.ledger.report import Report
from shared.ledger.sealer import Sealer
from tests.support.factories import a_complaint
from tests.support.fix_db import World
from tests.support.fix_worlds import grow

FEW = 5
"""Entries of one seal in these tests: many seals of little."""


@pytest.fixture
def keys() -> MemorySigningKeys:
    return MemorySigningKeys()


@pytest.fixture
def sealed(stack: Stack, template: str, tmp_path: Path, keys: MemorySigningKeys) -> Iterator[World]:
    """A world of its own whose sealer makes small seals."""
    with grow(stack, template, tmp_path, Ports(signing_keys=keys)) as world:
        yield small(world)


def small(world: World, entries: int = FEW) -> World:
    """Let the world's sealer make seals of a few entries."""
    services = world.services
    services.__dict__["sealer"] = Sealer(
        services.database(Login.SEAL), services.signing_keys, services.seal_copies, entries=entries
    )
    return world


def admit(world: World, count: int, first: int = 1, tenant: str = "north") -> list[str]:
    """Admit complaints and return their receipt ids."""
    import orjson

    answer = world.submit(
        *(a_complaint(number) for number in range(first, first + count)),
        tenant=tenant,
        contract="vehicle-complaint.v1",
    )
    return [record["receipt_id"] for record in orjson.loads(answer.body)["records"]]


def seal_all(world: World, stream: str = "admission", *, at_once: bool = True) -> None:
    """Seal everything; other tests' transactions may hold the horizon of the cluster.

    ``at_once`` waits for them first, so that as few seals are made as can be.
    """
    if at_once:
        until(lambda: _free(world, stream))
    until(lambda: _sealed(world, stream))


def _free(world: World, stream: str) -> bool:
    """Whether every row of a stream is older than every running transaction."""
    [(held,)] = world.rows(
        f"SELECT count(*) FROM ops.{stream} WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())"
    )
    return held == 0


def _sealed(world: World, stream: str) -> bool:
    world.services.sealer.seal(timer(world))
    return waiting(world, stream) == 0


def until(done: Callable[[], bool], within: float = 30.0) -> None:
    stop = time.monotonic() + within
    while not done():
        assert time.monotonic() < stop, "it did not happen in time"
        time.sleep(0.05)


def waiting(world: World, stream: str = "admission") -> int:
    statuses = world.services.ledger.status(world.operator())
    return next(one.unsealed for one in statuses if one.stream == stream)


def timer(world: World) -> Call:
    return world.services.timer_call()


def verify(world: World, stream: str = "admission", **more: object) -> Report:
    """The report on one stream."""
    [report] = world.services.ledger.verify(world.operator(), stream=stream, **more)
    return report


def told(report: Report) -> list[tuple[str, int, int | None]]:
    """Kind, seal and offset of every difference."""
    return [(str(d.kind), d.number, d.offset) for d in report.differences]
