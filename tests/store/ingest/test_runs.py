"""Platform runs: opened once per key, segmented by policy, closed behind what is being decided."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import orjson
import pytest

from shared.bootstrap import Ports
from shared.ingest import errors
from shared.ingest.runs import Outcome, Run, open_segments
from shared.kernel.db import Login
from shared.kernel.ids import RandomIds, TenantId
from tests.support.factories import a_transaction, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import census, changed, facts, grow, new_tenant
from tests.support.held import LENIENT, NDJSON, decisions, operator, told

PAYMENT = "transaction.v1"
OTHER = "e" * 64


def opened(world: World, tenant: str, key: str = "key") -> str:
    call = operator(world, tenant)
    return world.services.runs.open(call, world.services.policy.shipped, key).row.run_id


def close(world: World, tenant: str, run_id: str, outcome: Outcome = Outcome.ENDED) -> Run:
    return world.services.runs.close(operator(world, tenant), run_id, outcome)


def activate(world: World, revision: str) -> None:
    """What an activation does, for a revision that this release does not carry."""
    with world.connect() as admin:
        admin.execute("UPDATE ops.policy_revision SET state = 'superseded', superseded_at = now()")
        admin.execute(
            "INSERT INTO ops.policy_revision"
            " (policy_rev, document, state, activated_at, activated_by)"
            " VALUES (%s, '{}', 'active', now(), 'test') ON CONFLICT (policy_rev)"
            " DO UPDATE SET state = 'active', superseded_at = NULL",
            (revision,),
        )
    segment(world, revision)


def segment(world: World, revision: str) -> None:
    call = world.operator()
    with world.services.database(Login.CONTROL).platform(call) as tx:
        open_segments(tx, call, revision)


def runs_of(world: World, tenant: str) -> list[str]:
    rows = world.rows(
        "SELECT platform_run_id FROM ops.admission WHERE tenant_id = %s", world.tenants[tenant]
    )
    return [row[0] for row in rows]


def test_records_go_into_the_run_that_the_request_names_or_the_standing_one(
    land: World, tenant: str
) -> None:
    run_id = opened(land, tenant)
    land.submit(an_order(1), tenant=tenant, run_id=run_id)
    land.submit(an_order(2), tenant=tenant)
    standing = [row for row in land.services.runs.list(operator(land, tenant)) if row.standing]
    assert sorted(runs_of(land, tenant)) == sorted([run_id, standing[0].run_id])
    for unknown in ("run_" + "0" * 26, "", "x"):
        with pytest.raises(errors.RunUnknown):
            land.submit(an_order(3), tenant=tenant, run_id=unknown)


def test_one_key_opens_one_run_even_from_many_threads(land: World, tenant: str) -> None:
    start = threading.Barrier(6)

    def open_it(_: int) -> tuple[str, bool]:
        start.wait()
        run = land.services.runs.open(operator(land, tenant), land.services.policy.shipped, "same")
        return run.row.run_id, run.changed

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(open_it, range(6)))
    assert len({run_id for run_id, _ in said}) == 1
    assert [changed for _, changed in said].count(True) == 1
    assert opened(land, tenant, "another") != said[0][0]
    assert len(facts(land, "ingest:run:opened", tenant)) == 2


def test_opening_expects_a_key_the_policy_and_a_tenant_that_takes_writes(
    land: World, tenant: str
) -> None:
    runs, shipped = land.services.runs, land.services.policy.shipped
    cases: list[tuple[str | None, str | None, type[Exception]]] = [
        (shipped, None, errors.RunKeyMissing),
        (shipped, "", errors.RunKeyMissing),
        (shipped, "k" * 129, errors.RunKeyMissing),
        (shipped, "é", errors.RunKeyMissing),
        (None, "k", errors.PolicyRevMissing),
        (OTHER, "k", errors.PolicyRevDiffers),
    ]
    for policy_rev, key, error in cases:
        with pytest.raises(error):
            runs.open(operator(land, tenant), policy_rev, key)
    nowhere = land.operator().for_tenant(TenantId("tnt_" + "0" * 26))
    for ask in (
        lambda: runs.open(nowhere, shipped, "k"),
        lambda: runs.list(nowhere),
    ):
        with pytest.raises(errors.TenantUnknown):
            ask()
    run_id = opened(land, tenant)
    land.services.provisioning.set_tenant_status(land.operator(), tenant, "suspended")
    with pytest.raises(errors.TenantSuspended):
        opened(land, tenant, "other")
    with pytest.raises(errors.TenantSuspended):
        close(land, tenant, run_id)
    assert opened(land, tenant) == run_id, "a repeat is answered: nothing is written"


def test_a_closed_run_takes_nothing_and_stays_as_it_was_closed(land: World, tenant: str) -> None:
    run_id = opened(land, tenant)
    assert close(land, tenant, run_id).changed
    before = census(land)
    again = close(land, tenant, run_id)
    assert (again.changed, again.row.outcome) == (False, "ended")
    with pytest.raises(errors.RunClosed):
        close(land, tenant, run_id, Outcome.CANCELLED)
    assert changed(before, census(land)) == {}
    with pytest.raises(errors.RunClosed):
        land.submit(an_order(1), tenant=tenant, run_id=run_id)
    (fact,) = facts(land, "ingest:run:closed", tenant)
    assert fact["attributes"] == {"platform_run_id": run_id, "outcome": "ended", "segments": 1}


def test_the_standing_run_is_never_closed(land: World, tenant: str) -> None:
    (standing,) = land.services.runs.list(operator(land, tenant))
    with pytest.raises(errors.RunStands):
        close(land, tenant, standing.run_id)


def test_a_run_of_another_tenant_is_not_there(land: World, tenant: str) -> None:
    run_id = opened(land, tenant)
    other = new_tenant(land)
    runs = land.services.runs
    with pytest.raises(errors.RunUnknown):
        runs.show(operator(land, other), run_id)
    with pytest.raises(errors.RunUnknown):
        close(land, other, run_id)
    with pytest.raises(errors.RunUnknown):
        land.submit(an_order(1), tenant=other, run_id=run_id)
    assert run_id not in {row.run_id for row in runs.list(operator(land, other))}
    # The same key is another one for another tenant.
    assert opened(land, other) != run_id


def test_events_known_by_run_are_admitted_once_in_each(land: World, tenant: str) -> None:
    """Design 4: the contract says whether an event is one per run or one per tenant."""
    one, two = opened(land, tenant, "1"), opened(land, tenant, "2")
    send: dict[str, Any] = {"tenant": tenant, "contract": PAYMENT}
    receipts = set()
    for run_id in (one, two, None):
        first = land.submit(a_transaction(1), run_id=run_id, **send)
        again = land.submit(a_transaction(1), run_id=run_id, **send)
        assert (decisions(first), decisions(again)) == (["ADMIT"], ["DUPLICATE"])
        receipts.add(told(first)[0]["receipt_id"])
    assert len(receipts) == 3
    per_tenant: dict[str, Any] = {"tenant": tenant}
    land.submit(an_order(1), run_id=one, **per_tenant)
    assert decisions(land.submit(an_order(1), run_id=two, **per_tenant)) == ["DUPLICATE"]


def test_the_same_bytes_are_held_for_each_run_where_events_are_known_by_run(
    land: World, tenant: str
) -> None:
    """Else a release could reach one run alone, and the record of the other would be lost."""
    one, two = opened(land, tenant, "1"), opened(land, tenant, "2")
    wrong = orjson.dumps(a_transaction(1, currency="gold"))
    send: dict[str, Any] = {"tenant": tenant, "body": wrong, "media_type": NDJSON, **LENIENT}
    held = {
        run_id: told(land.submit(contract=PAYMENT, run_id=run_id, **send))[0]["receipt_id"]
        for run_id in (one, two)
    }
    assert held[one] != held[two]
    order = orjson.dumps(an_order(1, ro_status="exploded"))
    same = {
        told(land.submit(run_id=run_id, **{**send, "body": order}))[0]["receipt_id"]
        for run_id in (one, two)
    }
    assert len(same) == 1


# --- segments ------------------------------------------------------------------------------------


def test_an_activation_opens_the_next_segment_of_every_open_run(world: World) -> None:
    """002-R14, R16: an explicit boundary; what was admitted before stays in its segment."""
    shipped = world.services.policy.shipped
    run_id, over = opened(world, "north"), opened(world, "north", "over")
    close(world, "north", over)
    world.submit(an_order(1), run_id=run_id)
    activate(world, OTHER)
    with pytest.raises(errors.PolicyNotActive):
        world.submit(an_order(2), run_id=run_id)
    activate(world, shipped)
    world.submit(an_order(3), run_id=run_id)

    found = world.services.runs.show(operator(world, "north"), run_id)
    assert [(part.segment, part.policy_rev) for part in found.segments] == [
        (1, shipped),
        (2, OTHER),
        (3, shipped),
    ]
    rows = world.rows("SELECT body FROM ops.admission ORDER BY seq")
    assert [orjson.loads(body)["run_segment"] for (body,) in rows] == [1, 3]
    assert len(world.services.runs.show(operator(world, "north"), over).segments) == 1
    assert {len(world.services.runs.show(operator(world, t), r.run_id).segments)
            for t in ("north", "south")
            for r in world.services.runs.list(operator(world, t)) if r.standing} == {3}  # fmt: skip
    segmented = facts(world, "ingest:run:segmented")
    assert [fact["attributes"] for fact in segmented[-2:]] == [
        {"revision": revision, "runs": 3} for revision in (OTHER, shipped)
    ]


def test_a_run_without_a_segment_of_the_policy_takes_nothing_until_it_is_mended(
    world: World,
) -> None:
    """An activation that was half done, or by a release that knew no segments."""
    with world.connect() as admin:
        admin.execute("DELETE FROM ops.run_segment WHERE tenant_id = %s", (world.tenants["north"],))
    with pytest.raises(errors.RunOutOfStep):
        world.submit(an_order(1))
    # As the error says; nothing is changed but what is missing, so it needs no approval.
    assert world.services.policy.activate(world.operator()) is False
    assert world.submit(an_order(1)).admitted == 1
    before = census(world)
    assert world.services.policy.activate(world.operator()) is False
    assert changed(before, census(world)) == {}, "what is in step stays as it is"


def test_a_tenant_made_beside_an_activation_is_in_step_afterwards(world: World) -> None:
    """Whichever comes first: the standing run has a segment of the policy that is active then."""
    services = world.services
    call = world.operator()
    activated = threading.Event()

    def make() -> None:
        world.add_tenant("east", "repair-order.v2")
        activated.set()

    with services.database(Login.CONTROL).platform(call) as tx:
        tx.run(b"SELECT pg_advisory_xact_lock(4713002002)")
        thread = threading.Thread(target=make)
        thread.start()
        assert not activated.wait(0.3), "creation waits behind the boundary"
        open_segments(tx, call, services.policy.shipped)
    thread.join(10)
    assert world.submit(an_order(1), tenant="east").admitted == 1
    (run,) = services.runs.list(operator(world, "east"))
    assert run.segments == 1


def test_a_tenant_without_an_active_policy_gets_its_segment_with_the_first_activation(
    world: World,
) -> None:
    with world.connect() as admin:
        admin.execute("UPDATE ops.policy_revision SET state = 'superseded', superseded_at = now()")
    world.add_tenant("early", "repair-order.v2")
    assert [r.segments for r in world.services.runs.list(operator(world, "early"))] == [0]
    activate(world, world.services.policy.shipped)
    assert world.submit(an_order(1), tenant="early").admitted == 1


# --- closing beside submissions ------------------------------------------------------------------


class Ids(RandomIds):
    """Ids that can do something when a request gets its own, which is inside its transaction."""

    def __init__(self) -> None:
        self.at_request: Callable[[], None] | None = None

    def mint(self, prefix: str, now: datetime) -> str:
        if prefix == "req" and self.at_request is not None:
            act, self.at_request = self.at_request, None
            act()
        return super().mint(prefix, now)


def test_closing_waits_for_what_is_being_decided_and_stops_no_other_tenant(
    stack, template, tmp_path
) -> None:
    """Nothing is admitted after the fact that says that the run is closed (002-R14)."""
    ids = Ids()
    with grow(stack, template, tmp_path, Ports(ids=ids)) as world:
        run_id = opened(world, "north")
        inside, go_on = threading.Event(), threading.Event()

        def wait() -> None:
            inside.set()
            assert go_on.wait(10)

        ids.at_request = wait
        with ThreadPoolExecutor(3) as pool:
            sending = pool.submit(world.submit, an_order(1), run_id=run_id)
            assert inside.wait(10)
            closing = pool.submit(close, world, "north", run_id)
            # The close stands in line; another tenant, and its runs, are not behind it.
            assert pool.submit(world.submit, an_order(1), tenant="south").result(5).admitted == 1
            opened(world, "north", "beside")
            assert not closing.done()
            go_on.set()
            assert sending.result(10).admitted == 1
            assert closing.result(10).changed
        seqs = world.rows(
            "SELECT (SELECT xmin::text::bigint FROM ops.admission WHERE platform_run_id = %s)"
            " < (SELECT xmin::text::bigint FROM ops.platform_run WHERE run_id = %s)",
            run_id,
            run_id,
        )
        assert seqs == [(True,)]
        with pytest.raises(errors.RunClosed):
            world.submit(an_order(2), run_id=run_id)


def test_requests_beside_a_close_are_all_in_or_all_refused(land: World, tenant: str) -> None:
    run_id = opened(land, tenant)
    start = threading.Barrier(5)

    def send(first: int) -> int:
        start.wait()
        admitted = 0
        for number in range(first, first + 15):
            try:
                admitted += land.submit(an_order(number), tenant=tenant, run_id=run_id).admitted
            except errors.RunClosed:
                break
        return admitted

    def end() -> None:
        start.wait()
        close(land, tenant, run_id)

    with ThreadPoolExecutor(5) as pool:
        closing = pool.submit(end)
        admitted = sum(pool.map(send, range(0, 400, 100)))
        closing.result(10)
    assert runs_of(land, tenant).count(run_id) == admitted
