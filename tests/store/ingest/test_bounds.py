"""What one request may cost, and what it may not outlive."""

from __future__ import annotations

import threading
from collections.abc import Callable

import orjson
import pytest

from shared.ingest import body, errors
from tests.support.factories import a_complaint, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import census, changed


def test_a_request_that_takes_too_long_is_refused_for_good(world: World) -> None:
    """A 503 would be sent again for ever; 413 says what helps, and nothing is half-written."""
    before = census(world)
    gate = world.services.gate
    gate._work_seconds = -1.0
    with pytest.raises(errors.BatchTooHeavy) as refused:
        world.submit(an_order(1), an_order(2))
    assert refused.value.retry_after is None
    assert changed(before, census(world)) == {"fact": 1, "fact_key": 1}


def test_a_thousand_bad_records_are_all_named_but_not_all_in_full(world: World) -> None:
    """Design 4: every failing record is listed; one row of a spreadsheet costs one line."""
    bad = [a_complaint(n, miles=-1, crash="perhaps", Modell="x") for n in range(1, 1001)]
    with pytest.raises(errors.RecordsRefused) as refused:
        world.submit(*bad, contract="vehicle-complaint.v1")
    items = refused.value.items
    assert {int(item.pointer.split("/")[1]) for item in items} == set(range(1000))
    assert len(items) < 1600


def test_a_record_over_its_own_bound_is_refused_before_it_is_parsed(world: World) -> None:
    record = orjson.dumps(an_order(1)) + b" " * body.LARGEST_RECORD
    with pytest.raises(errors.BodyUnreadable) as refused:
        world.submit(an_order(1), body=record)
    assert [item.code for item in refused.value.items] == ["record_too_large"]


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.services.policy.activate(world.operator()),
        lambda world: world.services.provisioning.set_tenant_status(
            world.operator(), "north", "suspended"
        ),
    ],
    ids=["policy", "tenant"],
)
def test_a_boundary_waits_for_requests_that_began_before_it(
    world: World, change: Callable[[World], object]
) -> None:
    """002-R14, 002-R16: nothing is admitted under what a fact says is over."""
    done = threading.Event()

    def cross() -> None:
        change(world)
        done.set()

    with world.connect("ops_data") as request, request.transaction():
        request.execute("SELECT pg_advisory_xact_lock_shared(4713002002)")
        crossing = threading.Thread(target=cross)
        crossing.start()
        assert not done.wait(0.3)
    assert done.wait(10)
    crossing.join()
