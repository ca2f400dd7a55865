"""Idempotency keys: in flight, answered, reused; each caller's own."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from shared.bootstrap import Ports
from shared.ingest import errors
from shared.kernel.call import Actor, SourceType
from shared.kernel.ids import TenantId
from tests.support.factories import a_complaint, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import census, changed, facts, grow, new_tenant


class HeldKeys:
    """A key provider whose answers can be held back."""

    def __init__(self) -> None:
        self.keys: dict[TenantId, bytes] = {}
        self.open = threading.Event()
        self.asked = threading.Event()
        self.open.set()

    def create(self, tenant_id: TenantId) -> None:
        self.keys.setdefault(tenant_id, bytes(range(32)))

    def fetch(self, tenant_id: TenantId) -> bytes:
        self.asked.set()
        assert self.open.wait(20)
        return self.keys[tenant_id]


def test_the_same_key_at_the_same_time_is_a_conflict_then_a_replay(
    stack, template, tmp_path
) -> None:
    """002-R13, design 4: two real transactions; the second does not wait and writes nothing."""
    keys = HeldKeys()
    with grow(stack, template, tmp_path, Ports(tenant_keys=keys)) as world:
        answers = []

        def first() -> None:
            answers.append(world.submit(an_order(1), idempotency_key="one"))

        keys.asked.clear()
        keys.open.clear()
        thread = threading.Thread(target=first)
        thread.start()
        assert keys.asked.wait(20)
        before = census(world)
        with pytest.raises(errors.InFlight):
            world.submit(an_order(1), idempotency_key="one")
        assert changed(before, census(world)) == {}
        keys.open.set()
        thread.join(20)

        again = world.submit(an_order(1), idempotency_key="one")
        assert again.replayed
        assert again.body == answers[0].body
        assert (again.admitted, again.duplicates) == (1, 0)
        assert world.rows("SELECT count(*) FROM ops.admission") == [(1,)]


def test_a_stored_answer_is_replayed_byte_for_byte_and_writes_nothing(
    land: World, tenant: str
) -> None:
    first = land.submit(an_order(1), an_order(2), tenant=tenant, idempotency_key="k")
    land.clock.advance(seconds=90)
    before = census(land)
    again = land.submit(an_order(1), an_order(2), tenant=tenant, idempotency_key="k")
    assert (again.body, again.replayed, first.replayed) == (first.body, True, False)
    assert changed(before, census(land)) == {}


def test_the_same_key_with_another_body_is_refused_with_one_fact(land: World, tenant: str) -> None:
    land.submit(an_order(1), tenant=tenant, idempotency_key="k")
    before = census(land)
    with pytest.raises(errors.KeyReused):
        land.submit(an_order(2), tenant=tenant, idempotency_key="k")
    assert changed(before, census(land)) == {"fact": 1, "fact_key": 1}
    (fact,) = facts(land, "ingest:request:refused", tenant)
    assert fact["attributes"]["code"] == "ingest.idempotency_key_reused"


def test_a_key_belongs_to_one_tenant_one_actor_and_one_contract(land: World, tenant: str) -> None:
    """Design 4: what another caller used is no business of this one."""
    land.submit(an_order(1), tenant=tenant, idempotency_key="k")
    other = new_tenant(land)
    assert not land.submit(an_order(2), tenant=other, idempotency_key="k").replayed
    complaint = {"contract": "vehicle-complaint.v1", "idempotency_key": "k"}
    assert not land.submit(a_complaint(1), tenant=tenant, **complaint).replayed

    second = "00000000-0000-4000-8000-0000000000ff"
    provisioning, operator = land.services.provisioning, land.operator()
    provisioning.create_principal(operator, "service", second, "second intake")
    provisioning.grant_producer(operator, second, tenant, "repair-order.v2")
    call = land.producer(tenant)
    call = replace(call, actor=replace(call.actor, subject=second))
    wish = _wish(land, an_order(3), "k")
    assert not land.services.gate.submit(call, wish).replayed

    human = Actor(SourceType.HUMAN, second, call.actor.auth_mode, call.actor.permissions)
    with pytest.raises(errors.ProducerNotGranted):  # 000-R11: a person is no producer at all.
        land.services.gate.submit(replace(call, actor=human), _wish(land, an_order(4), "k"))


def test_a_refused_request_keeps_no_answer_under_its_key(land: World, tenant: str) -> None:
    """A corrected body may use the key again: nothing was answered under it."""
    with pytest.raises(errors.RecordsRefused):
        land.submit({**an_order(1), "ro_status": "no"}, tenant=tenant, idempotency_key="k")
    assert land.submit(an_order(1), tenant=tenant, idempotency_key="k").admitted == 1


@pytest.mark.parametrize("key", ["", "x" * 129, "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(land: World, tenant: str, key: str) -> None:
    with pytest.raises(errors.IdempotencyKeyUnfit):
        land.submit(an_order(1), tenant=tenant, idempotency_key=key)


def test_forgotten_answers_leave_the_records_known(land: World, tenant: str) -> None:
    """After two days a repeat is decided again, record by record, and still admits nothing."""
    land.submit(an_order(1), tenant=tenant, idempotency_key="k")
    land.clock.advance(days=2, seconds=1)
    assert land.services.reconciler.forget_answers(land.services.timer_call()) >= 1
    again = land.submit(an_order(1), tenant=tenant, idempotency_key="k")
    assert (again.replayed, again.admitted, again.duplicates) == (False, 0, 1)


def test_many_threads_with_one_key_admit_once(land: World, tenant: str) -> None:
    """Whoever is not first is told to wait or gets the first answer; nobody a second decision."""
    bodies, conflicts, start = set(), [], threading.Barrier(6)

    def post() -> None:
        start.wait()
        for _ in range(200):
            try:
                bodies.add(land.submit(an_order(1), tenant=tenant, idempotency_key="k").body)
            except errors.InFlight as conflict:
                conflicts.append(conflict)
            else:
                return

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(bodies) == 1
    assert land.rows(
        "SELECT count(*) FROM ops.admission WHERE tenant_id = %s", land.tenants[tenant]
    ) == [(1,)]


def test_the_answer_of_a_key_says_what_the_gate_said(land: World, tenant: str) -> None:
    first = land.submit(an_order(1), tenant=tenant, idempotency_key="k")
    told = orjson.loads(first.body)
    assert told["handling"] == "strict"
    assert (told["admitted"], told["duplicates"]) == (1, 0)
    assert land.clock.now() - land.services.timer_call().now == timedelta(0)


def _wish(world: World, record, key: str):
    from shared.ingest.gate import Submission

    return Submission(
        "repair-order.v2",
        "application/json",
        orjson.dumps(record),
        world.services.policy.shipped,
        key,
    )


def test_a_key_used_for_another_kind_of_body_is_not_answered_with_the_first_answer(
    land: World,
) -> None:
    tenant = new_tenant(land)
    land.submit(an_order(1), tenant=tenant, idempotency_key="kind")
    with pytest.raises(errors.KeyReused):
        land.submit(
            an_order(1), tenant=tenant, idempotency_key="kind", media_type="application/x-ndjson"
        )
