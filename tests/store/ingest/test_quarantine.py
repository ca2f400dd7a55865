"""The quarantine: released through the gate, discarded or expired; never twice, never half."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from shared.identity.authority import PermissionMissing
from shared.identity.roles import Role, permissions_of
from shared.ingest import errors
from shared.ingest.body import STRUCTURED
from shared.ingest.contracts import Contract, shipped
from shared.ingest.gate import IngestGate
from shared.ingest.quarantine import Quarantine, Reason, Settled
from shared.ingest.quarantining import open_copy
from shared.ingest.runs import Outcome
from shared.kernel.db import DatabaseUnavailable, Login, OutcomeUnknown
from shared.kernel.errors import OpsError
from shared.kernel.ids import ReceiptId
from shared.pii.errors import SealBroken
from shared.pii.vault import Vault
from tests.support.factories import an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import census, changed, facts, grow, new_tenant
from tests.support.held import LENIENT, bad, copies, hold, leaking, operator, states, told


def mended() -> Contract:
    """The order contract of a later release, which takes what `bad` sends."""
    order = shipped()["repair-order.v2"]
    status = order.fields["ro_status"]
    wider = replace(status, values=(*status.values, "exploded"))
    return replace(order, fields={**order.fields, "ro_status": wider})


def later(world: World) -> Quarantine:
    """The quarantine as a release serves it whose contracts are mended."""
    services = world.services
    gate = IngestGate(
        data=services.database(Login.DATA),
        keyring=services.keyring,
        vault=Vault(),
        documents=services.documents,
        contracts={**shipped(), "repair-order.v2": mended()},
        policy_rev=services.policy.shipped,
        ids=services.ports.ids,
        telemetry=services.ports.telemetry,
        max_records=2000,
        config_revision="c" * 64,
    )
    return Quarantine(
        services.database(Login.CONTROL), services.database(Login.KEYS), services.keyring, gate
    )


def release(
    world: World, tenant: str, receipt_id: str, quarantine: Quarantine | None = None
) -> Settled:
    return (quarantine or later(world)).release(
        operator(world, tenant), receipt_id, Reason.CONTRACT_FIXED, world.services.policy.shipped
    )


def discard(world: World, tenant: str, receipt_id: str) -> Settled:
    return world.services.quarantine.discard(operator(world, tenant), receipt_id, Reason.SUPERSEDED)


def expire(world: World) -> int:
    return world.services.quarantine.expire(world.services.timer_call())


def test_a_released_record_is_admitted_and_linked_with_what_it_was(
    land: World, tenant: str
) -> None:
    """Design 4: in memory, under ops_keys, through the same gate; the new receipt links the old."""
    (receipt_id,) = hold(land, tenant, bad(1))
    before = census(land)
    done = release(land, tenant, receipt_id)
    assert done.changed
    assert (done.entry.state, done.entry.reason_code) == ("released", "contract_fixed")
    assert changed(before, census(land)) == {
        "admission": 1,
        "admission_key": 1,
        "record": 1,
        "pii_vault": 1,
        "blind_index": 6,
        "receipt_document": 1,
        "quarantine_copy": -1,
        "fact": 2,
        "fact_key": 2,
    }
    found = land.services.receipts.find(operator(land, tenant), str(done.entry.released_as))
    receipt = orjson.loads(found)
    assert receipt["decision"] == "ADMIT"
    assert receipt["evidence_refs"] == [{"ref_type": "QUARANTINE", "ref_id": receipt_id}]
    assert receipt["actor"]["source_type"] == "HUMAN"
    (fact,) = facts(land, "ingest:quarantine:released", tenant)
    assert fact["attributes"] == {
        "receipt_id": receipt_id,
        "released_as": done.entry.released_as,
        "contract": "repair-order.v2",
        "reason_code": "contract_fixed",
    }
    for checked in (receipt_id, str(done.entry.released_as)):
        assert land.services.receipts.verify(operator(land, tenant), ReceiptId(checked)).ok


def test_what_the_gate_refuses_stays_held_and_leaves_one_fact(land: World, tenant: str) -> None:
    (receipt_id,) = hold(land, tenant, leaking(1))
    before = census(land)
    with pytest.raises(errors.RecordsRefused) as refused:
        release(land, tenant, receipt_id)
    assert [item.pointer for item in refused.value.items] == ["/vehicle_model"]
    assert changed(before, census(land)) == {"fact": 1, "fact_key": 1}
    assert states(land, tenant) == {receipt_id: "held"}


@pytest.mark.parametrize("media_type", ["application/json", STRUCTURED])
def test_a_refused_release_names_no_member_that_the_sender_invented(
    land: World, tenant: str, media_type: str
) -> None:
    """The sender may read its own slip; the operator reads nothing of the record."""
    record = an_order(1, wilhelmine=1, **{"123456789": ["\0"]})
    event = {"specversion": "1.0", "id": "e", "source": "/s", "type": "t", "data": record}
    body = orjson.dumps(event if media_type == STRUCTURED else record)
    (held,) = told(land.submit(tenant=tenant, body=body, media_type=media_type, **LENIENT))
    with pytest.raises(OpsError) as refused:
        release(land, tenant, held["receipt_id"])
    said = repr(refused.value.items) + str(refused.value)
    assert refused.value.items
    assert not any(name in said for name in ("wilhelmine", "123456789"))


def test_a_record_that_was_sent_again_meanwhile_is_found_to_be_known(
    land: World, tenant: str
) -> None:
    (receipt_id,) = hold(land, tenant, leaking(1, vehicle_model="Quastenflosser"))
    mine = land.services.quarantine
    with pytest.raises(errors.RecordsRefused):
        release(land, tenant, receipt_id, mine)
    # Held as a clash of two in one request, then admitted by another sender.
    answer = told(land.submit(an_order(2), an_order(2, odometer_in=1), tenant=tenant, **LENIENT))
    with pytest.raises(errors.PayloadDiffers):
        release(land, tenant, answer[1]["receipt_id"], mine)
    clash = hold(land, tenant, bad(3))[0]
    done = release(land, tenant, clash)
    again = hold(land, tenant, bad(3))[0]
    known = release(land, tenant, again)
    assert known.entry.released_as == done.entry.released_as


def test_a_cloudevent_is_released_as_the_event_it_was(land: World, tenant: str) -> None:
    event = {"specversion": "1.0", "id": "e", "source": "/s", "type": "t", "data": bad(1)}
    answer = land.submit(tenant=tenant, body=orjson.dumps(event), media_type=STRUCTURED, **LENIENT)
    done = release(land, tenant, told(answer)[0]["receipt_id"])
    assert done.entry.state == "released"
    receipt = land.services.receipts.find(operator(land, tenant), str(done.entry.released_as))
    assert orjson.loads(receipt)["event_id"] == "RO-000001"


def test_settling_twice_the_same_way_changes_once_and_another_way_is_refused(
    land: World, tenant: str
) -> None:
    one, two = hold(land, tenant, bad(1), bad(2))
    assert [release(land, tenant, one).changed for _ in range(2)] == [True, False]
    assert [discard(land, tenant, two).changed for _ in range(2)] == [True, False]
    with pytest.raises(errors.QuarantineSettled):
        release(land, tenant, two)
    with pytest.raises(errors.QuarantineSettled):
        discard(land, tenant, one)
    assert len(facts(land, "ingest:quarantine:released", tenant)) == 1
    assert len(facts(land, "ingest:quarantine:discarded", tenant)) == 1
    assert copies(land, tenant) == set()


def test_what_nobody_settles_expires_with_one_fact_for_each_tenant(land: World) -> None:
    mine, theirs = new_tenant(land), new_tenant(land)
    first = hold(land, mine, bad(1), bad(2))
    hold(land, theirs, bad(1))
    land.clock.advance(days=29)
    young = hold(land, mine, bad(3))
    land.clock.advance(days=2)
    assert expire(land) >= 3
    assert states(land, mine) == {**dict.fromkeys(first, "expired"), young[0]: "held"}
    assert copies(land, mine) == set(young)
    for tenant, records in ((mine, 2), (theirs, 1)):
        (fact,) = facts(land, "ingest:quarantine:expired", tenant)
        assert fact["attributes"] == {"records": records}
    before = census(land)
    assert expire(land) == 0
    assert changed(before, census(land)) == {}
    with pytest.raises(errors.QuarantineSettled):
        release(land, mine, first[0])


def test_two_who_settle_one_record_at_once_do_it_once(land: World, tenant: str) -> None:
    """Release against release, discard and expiry: one end each, and the tables agree with it."""
    quarantine = later(land)
    for turn in range(8):
        (receipt_id,) = hold(land, tenant, bad(turn + 100))
        start = threading.Barrier(3)
        other = "expire" if turn % 2 else "discard"
        if other == "expire":
            land.clock.advance(days=31)

        def settle(how: str, receipt_id: str = receipt_id, start: Any = start) -> str:
            start.wait()
            try:
                if how == "release":
                    return release(land, tenant, receipt_id, quarantine).entry.state
                if how == "expire":
                    # The world is shared: what expires may be another test's record.
                    expire(land)
                    mine = states(land, tenant)[receipt_id]
                    return mine if mine == "expired" else "refused"
                return discard(land, tenant, receipt_id).entry.state
            except errors.QuarantineSettled:
                return "refused"

        with ThreadPoolExecutor(3) as pool:
            said = set(pool.map(settle, ("release", other, "release")))
        end = states(land, tenant)[receipt_id]
        assert said - {"refused"} == {end}
        admitted = land.rows(
            "SELECT count(*) FROM ops.admission WHERE body LIKE %s AND decision = 'ADMIT'",
            f'%"ref_id":"{receipt_id}"%',
        )
        assert admitted == [(1 if end == "released" else 0,)]
    assert copies(land, tenant) == set()


def test_what_is_held_is_released_into_the_run_it_was_sent_for(land: World, tenant: str) -> None:
    call, runs = operator(land, tenant), land.services.runs
    run_id = runs.open(call, land.services.policy.shipped, "k").row.run_id
    (receipt_id,) = hold(land, tenant, bad(1), run_id=run_id)
    done = release(land, tenant, receipt_id)
    found = land.services.receipts.find(call, str(done.entry.released_as))
    assert orjson.loads(found)["platform_run_id"] == run_id

    (late,) = hold(land, tenant, bad(2), run_id=run_id)
    runs.close(operator(land, tenant), run_id, Outcome.ENDED)
    with pytest.raises(errors.RunClosed):
        release(land, tenant, late)
    assert states(land, tenant)[late] == "held"


def test_a_release_expects_the_policy_and_a_tenant_that_takes_writes(
    land: World, tenant: str
) -> None:
    """002-R15, design 3: suspended tenants are read-only, for operators as well."""
    (receipt_id,) = hold(land, tenant, bad(1))
    quarantine = later(land)
    for policy_rev, error in ((None, errors.PolicyRevMissing), ("0" * 64, errors.PolicyRevDiffers)):
        with pytest.raises(error):
            quarantine.release(
                operator(land, tenant), receipt_id, Reason.CONTRACT_FIXED, policy_rev
            )
    land.services.provisioning.set_tenant_status(land.operator(), tenant, "suspended")
    for settle in (release, discard):
        with pytest.raises(errors.TenantSuspended):
            settle(land, tenant, receipt_id)
    assert states(land, tenant) == {receipt_id: "held"}
    assert len(land.services.quarantine.list(operator(land, tenant))) == 1


def test_another_tenants_records_are_not_there(land: World, tenant: str) -> None:
    (receipt_id,) = hold(land, tenant, bad(1))
    other = new_tenant(land)
    quarantine = land.services.quarantine
    assert quarantine.list(operator(land, other)) == []
    for ask in (
        lambda: quarantine.show(operator(land, other), receipt_id),
        lambda: discard(land, other, receipt_id),
        lambda: release(land, other, receipt_id),
    ):
        with pytest.raises(errors.QuarantineMissing):
            ask()


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.PRODUCER, set()),
        (Role.SECURITY_OFFICER, {"list"}),
        (Role.PROJECT_MAINTAINER, {"list", "discard", "release"}),
        (Role.RECONCILER, {"expire"}),
    ],
)
def test_roles_decide_who_settles(land: World, tenant: str, role: Role, may: set[str]) -> None:
    quarantine, (receipt_id,) = later(land), hold(land, tenant, bad(1))
    call = land.operator(permissions_of([role])).for_tenant(land.tenants[tenant])
    asked = {
        "list": lambda: quarantine.list(call),
        "discard": lambda: quarantine.discard(call, receipt_id, Reason.TEST_DATA),
        "release": lambda: quarantine.release(call, receipt_id, Reason.TEST_DATA, None),
        "expire": lambda: quarantine.expire(call),
    }
    could = set()
    for name, ask in asked.items():
        try:
            ask()
        except PermissionMissing:
            continue
        except OpsError:
            pass
        could.add(name)
    assert could == may


def test_only_the_keeper_of_keys_reads_a_copy_and_the_data_plane_settles_nothing_else(
    land: World, tenant: str
) -> None:
    (receipt_id,) = hold(land, tenant, bad(1))
    setting = f"SET ops.tenant TO '{land.tenants[tenant]}'"
    for login in Login:
        if login in (Login.KEYS, Login.BACKUP, Login.MIGRATOR):
            # The migrator owns the tables; the release never connects as it.
            continue
        with land.connect(login) as connection:
            connection.execute(setting)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT ciphertext FROM ops.quarantine_copy")
    for statement in (
        "UPDATE ops.quarantine SET state = 'discarded', settled_at = held_at, settled_by = 'x'",
        "DELETE FROM ops.quarantine",
        "UPDATE ops.quarantine SET expires_at = held_at",
    ):
        with land.connect(Login.DATA) as connection:
            connection.execute(setting)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    assert states(land, tenant) == {receipt_id: "held"}


def test_a_copy_opens_for_its_own_receipt_tenant_and_version_alone(
    land: World, tenant: str
) -> None:
    one, two = hold(land, tenant, bad(1), bad(2))
    services = land.services
    with services.database(Login.KEYS).transaction(operator(land, tenant), read_only=True) as tx:
        keys = services.keyring.of(tx, land.tenants[tenant])
    ((version, nonce, ciphertext),) = land.rows(
        "SELECT key_version, nonce, ciphertext FROM ops.quarantine_copy WHERE receipt_id = %s", one
    )
    media_type, raw = open_copy(keys, one, version, nonce, ciphertext)
    assert (media_type, raw) == ("application/json", orjson.dumps(bad(1)))
    for receipt_id, opened in (
        (two, (version, nonce, ciphertext)),
        (one, (version + 1, nonce, ciphertext)),
        (one, (version, nonce, ciphertext[:-1])),
    ):
        with pytest.raises(SealBroken):
            open_copy(keys, receipt_id, *opened)


# --- crashes -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def killing(stack, template, tmp_path_factory) -> Iterator[World]:
    with grow(stack, template, tmp_path_factory.mktemp("killing")) as world:
        with world.connect() as admin:
            admin.execute(
                "CREATE FUNCTION public.hang_up() RETURNS trigger LANGUAGE plpgsql"
                " SECURITY DEFINER AS $$ BEGIN"
                " PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1);"
                " RETURN NULL; END $$"
            )
        yield world


@pytest.mark.parametrize("when", ["statement", "commit"])
@pytest.mark.parametrize(
    ("event", "table"),
    [
        ("INSERT", "admission_key"),
        ("INSERT", "record"),
        ("UPDATE", "quarantine"),
        ("DELETE", "quarantine_copy"),
        ("INSERT", "fact_key"),
    ],
)
def test_a_release_that_is_cut_off_anywhere_is_not_half_done(
    killing: World, event: str, table: str, when: str
) -> None:
    """Nothing dies between the admission and the end of its quarantine: they are one commit."""
    tenant = f"{table}-{when}".replace("_", "-")
    killing.add_tenant(tenant, "repair-order.v2")
    (receipt_id,) = hold(killing, tenant, bad(1))
    before = census(killing)
    deferred = "CONSTRAINT TRIGGER" if when == "commit" else "TRIGGER"
    later_on = "DEFERRABLE INITIALLY DEFERRED" if when == "commit" else ""
    with killing.connect() as admin:
        admin.execute(
            f"CREATE {deferred} cut AFTER {event} ON ops.{table} {later_on}"
            " FOR EACH ROW EXECUTE FUNCTION public.hang_up()"
        )
        with pytest.raises(OutcomeUnknown if when == "commit" else DatabaseUnavailable):
            release(killing, tenant, receipt_id)
        admin.execute(f"DROP TRIGGER cut ON ops.{table}")
    assert changed(before, census(killing)) == {}
    assert states(killing, tenant) == {receipt_id: "held"}
    assert release(killing, tenant, receipt_id).entry.state == "released"
    assert copies(killing, tenant) == set()


# --- the state machine ---------------------------------------------------------------------------


class Settling(RuleBasedStateMachine):
    """Orders sent, released, discarded and left to expire in any order, beside a simple model."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.tenant = new_tenant(self.world, "repair-order.v2")
        self.quarantine = later(self.world)
        self.now: dict[str, str] = {}
        self.deadline: dict[str, int] = {}
        self.content: dict[str, int] = {}
        self.day = 0

    def held(self, number: int) -> str | None:
        """The receipt under which an order is held at this moment."""
        mine = [r for r, n in self.content.items() if n == number and self.now[r] == "held"]
        return mine[0] if mine else None

    @rule(number=st.integers(1, 3))
    def send(self, number: int) -> None:
        (receipt_id,) = hold(self.world, self.tenant, bad(number))
        if (there := self.held(number)) is not None:
            assert receipt_id == there
            return
        assert receipt_id not in self.now
        self.now[receipt_id], self.content[receipt_id] = "held", number
        self.deadline[receipt_id] = self.day + 30

    @rule(data=st.data(), how=st.sampled_from(["released", "discarded"]))
    def settle(self, data: Any, how: str) -> None:
        if not self.now:
            return
        # By the order of sending, which is the same in every replay; ids are not.
        receipt_id = list(self.now)[data.draw(st.integers(0, len(self.now) - 1))]
        before = self.now[receipt_id]
        try:
            done = (
                release(self.world, self.tenant, receipt_id, self.quarantine)
                if how == "released"
                else discard(self.world, self.tenant, receipt_id)
            )
        except errors.QuarantineSettled:
            assert before not in ("held", how)
        else:
            assert done.changed == (before == "held")
            self.now[receipt_id] = how

    @rule(days=st.integers(1, 20))
    def wait(self, days: int) -> None:
        self.world.clock.advance(days=days)
        self.day += days
        expire(self.world)
        for receipt_id, deadline in self.deadline.items():
            if self.now[receipt_id] == "held" and self.day >= deadline:
                self.now[receipt_id] = "expired"

    @invariant()
    def rows_and_copies_are_as_the_model_says(self) -> None:
        assert states(self.world, self.tenant) == self.now
        open_still = {r for r, state in self.now.items() if state == "held"}
        assert copies(self.world, self.tenant) == open_still
        released = {self.content[r] for r, state in self.now.items() if state == "released"}
        rows = self.world.rows(
            "SELECT count(*) FROM ops.record WHERE tenant_id = %s", self.world.tenants[self.tenant]
        )
        assert rows == [(len(released),)]


def test_any_order_of_sending_settling_and_waiting_keeps_the_model(land: World) -> None:
    run_state_machine_as_test(
        type("Settling", (Settling,), {"world": land}),
        settings=settings(max_examples=15, stateful_step_count=12, deadline=None),
    )
