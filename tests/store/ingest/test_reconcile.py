"""Lost receipt documents: found by their missing mark, written once, never wrongly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.adapters.blobs import BlobUnavailable, MemoryBlobs
from shared.bootstrap import Ports, build
from shared.identity.authority import PermissionMissing
from shared.ingest.receipts import CONTAINER, blob_name
from tests.support.factories import an_order
from tests.support.fix_db import World, settings_for
from tests.support.fix_worlds import facts, grow

NOW = timedelta(0)


@pytest.fixture
def lagging(stack, template, tmp_path) -> Iterator[World]:
    """Two admitted requests whose documents were not written."""
    with grow(stack, template, tmp_path) as world:
        world.blobs.available = False
        world.submit(an_order(1), an_order(2))
        world.submit(an_order(1), tenant="south")
        world.blobs.available = True
        world.clock.advance(seconds=31)
        yield world


def unwritten(world: World) -> int:
    return world.rows("SELECT count(*) FROM ops.receipt_document WHERE written_at IS NULL")[0][0]


def test_what_was_lost_is_written_as_it_would_have_been(lagging: World) -> None:
    """002-B: the document comes from the ledger alone, and is the same to the byte."""
    done = lagging.services.reconciler.backfill(lagging.services.timer_call())
    assert (done.found, done.written) == (2, 2)
    assert unwritten(lagging) == 0
    assert len(list(lagging.blobs.names(CONTAINER))) == 2
    for tenant_id, receipt_id in lagging.rows("SELECT tenant_id, receipt_id FROM ops.admission"):
        call = lagging.producer().for_tenant(tenant_id)
        assert lagging.services.receipts.verify(call, receipt_id).ok
    (fact,) = facts(lagging, "ingest:document:backfilled")
    assert fact["attributes"] == {"documents": 2}
    assert fact["actor_id"] == "SYSTEM::opsplane.timer"


def test_a_second_run_finds_nothing_and_says_nothing(lagging: World) -> None:
    """002-R21: cheap when there is nothing to do."""
    lagging.services.reconciler.backfill(lagging.services.timer_call())
    lagging.clock.advance(minutes=1)
    done = lagging.services.reconciler.backfill(lagging.services.timer_call())
    assert (done.found, done.written) == (0, 0)
    assert len(facts(lagging, "ingest:document:backfilled")) == 1


def test_two_runs_at_once_do_no_harm(lagging: World) -> None:
    start = threading.Barrier(4)
    troubles: list[BaseException] = []

    def run() -> None:
        call = lagging.services.timer_call()
        start.wait()
        try:
            lagging.services.reconciler.backfill(call)
        except BaseException as trouble:  # noqa: BLE001 - shown by the assertion below
            troubles.append(trouble)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert troubles == []
    assert unwritten(lagging) == 0
    assert len(list(lagging.blobs.names(CONTAINER))) == 2


def test_a_document_that_was_written_but_not_marked_is_only_marked(
    stack, template, tmp_path
) -> None:
    """The process died between Blob and Postgres: writing again is harmless."""
    with grow(stack, template, tmp_path) as world:
        world.submit(an_order(1))
        ((tenant_id, digest),) = world.rows(
            "UPDATE ops.receipt_document SET written_at = NULL RETURNING tenant_id, digest"
        )
        before = world.blobs.get(CONTAINER, blob_name(tenant_id, digest))
        world.clock.advance(minutes=1)
        assert world.services.reconciler.backfill(world.services.timer_call()).written == 1
        assert unwritten(world) == 0
        assert world.blobs.get(CONTAINER, blob_name(tenant_id, digest)) == before


def test_what_differs_from_its_index_is_never_written_and_stops_nobody_else(
    lagging: World,
) -> None:
    """An operator has to look; the other tenant's document is written all the same."""
    lagging.rows(
        "UPDATE ops.receipt_document SET digest = repeat('0', 64) WHERE tenant_id = %s"
        " RETURNING digest",
        lagging.tenants["north"],
    )
    done = lagging.services.reconciler.backfill(lagging.services.timer_call())
    assert (done.found, done.written) == (2, 1)
    assert unwritten(lagging) == 1
    (name,) = lagging.blobs.names(CONTAINER)
    assert name.startswith(lagging.tenants["south"])


def test_a_lost_ledger_row_stops_nobody_else(lagging: World) -> None:
    with lagging.connect() as admin:
        admin.execute("SET session_replication_role TO replica")
        admin.execute("DELETE FROM ops.admission WHERE tenant_id = %s", (lagging.tenants["north"],))
    done = lagging.services.reconciler.backfill(lagging.services.timer_call())
    assert (done.found, done.written) == (2, 1)


def test_documents_that_can_never_be_written_do_not_starve_the_rest(lagging: World) -> None:
    """A batch is bounded, and what cannot be written would otherwise be first in each."""
    with lagging.connect() as admin:
        admin.execute(
            "INSERT INTO ops.receipt_document"
            " SELECT %s, 'req_' || lpad(n::text, 26, '0'), repeat('0', 64), ARRAY['x'],"
            "        '2026-01-01', NULL"
            "   FROM generate_series(1, 250) n",
            (lagging.tenants["north"],),
        )
    done = lagging.services.reconciler.backfill(lagging.services.timer_call())
    assert (done.found, done.written) == (252, 2)


def test_storage_that_is_away_ends_the_run(lagging: World) -> None:
    """Not every document waits for its own time-out; what was written before stays written."""
    lagging.blobs.available = False
    done = lagging.services.reconciler.backfill(lagging.services.timer_call())
    assert (done.found, done.written) == (1, 0)
    lagging.blobs.available = True
    assert lagging.services.reconciler.backfill(lagging.services.timer_call()).written == 2


def test_a_young_document_is_left_to_its_writer(lagging: World) -> None:
    lagging.blobs.available = False
    lagging.submit(an_order(3))
    lagging.blobs.available = True
    lagging.clock.advance(seconds=1)
    assert lagging.services.reconciler.backfill(lagging.services.timer_call()).found == 2
    assert lagging.services.reconciler.backfill(lagging.services.timer_call(), NOW).found == 1


def test_only_who_may_reconcile_does(lagging: World) -> None:
    with pytest.raises(PermissionMissing):
        lagging.services.reconciler.backfill(lagging.producer())
    with pytest.raises(PermissionMissing):
        lagging.services.reconciler.forget_answers(lagging.producer())


class SlowBlobs(MemoryBlobs):
    """Storage that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.waiting = threading.Event()

    def put_once(self, container: str, name: str, document: bytes, *, media_type: str) -> bool:
        self.waiting.set()
        if not self.open.wait(20):
            raise BlobUnavailable
        return super().put_once(container, name, document, media_type=media_type)


def test_slow_storage_makes_no_caller_wait_and_a_full_queue_loses_nothing(
    stack, template, tmp_path, world: World
) -> None:
    """Design 2.4: off the caller's clock; the queue is bounded, and Postgres knows the rest."""
    blobs = SlowBlobs()
    services = build(
        settings_for(stack, world.database, tmp_path),
        Ports(clock=world.clock, blobs=blobs, queues=world.queues),
    )
    straight, world.services = world.services, services
    for number in range(1, 271):
        world.submit(an_order(number))
    assert blobs.waiting.wait(5)
    assert unwritten(world) == 270
    blobs.open.set()
    services.documents.settle()
    lost = unwritten(world)
    assert 0 < lost <= 270 - 256
    world.clock.advance(minutes=1)
    assert services.reconciler.backfill(services.timer_call()).written == lost
    assert unwritten(world) == 0
    services.close()
    world.services = straight
