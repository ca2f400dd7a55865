"""What fails around the gate: nothing is half done, and sending again settles it.

Faults come through the ports and through Postgres itself; no module is patched.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from shared.adapters.local_keys import UnsafePlaintextKeys
from shared.bootstrap import Ports, build
from shared.ingest.errors import RecordsRefused
from shared.ingest.receipts import blob_name
from shared.kernel.db import DatabaseUnavailable, OutcomeUnknown
from shared.kernel.errors import Unavailable
from shared.kernel.ids import RandomIds, TenantId
from shared.kernel.ports import KeyMissing
from shared.kernel.settings import Environment
from shared.pii.errors import KeysUnavailable
from tests.support.factories import an_order
from tests.support.fix_db import World, settings_for
from tests.support.fix_wire import Wire, through
from tests.support.fix_worlds import census, changed, grow

ONCE = {
    "admission": 2,
    "admission_key": 2,
    "record": 2,
    "pii_vault": 2,
    "blind_index": 12,
    "receipt_document": 1,
    "fact": 1,
    "fact_key": 1,
}
"""What a request of two new orders leaves, whatever went wrong before it went right."""


class Keys(UnsafePlaintextKeys):
    """Local keys that can be made to fail, or to do something when they are asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Environment.LOCAL_PARITY)
        self.at_fetch: Callable[[], None] | None = None

    def fetch(self, tenant_id: TenantId) -> bytes:
        if self.at_fetch is not None:
            act, self.at_fetch = self.at_fetch, None
            act()
        return super().fetch(tenant_id)


class Ids(RandomIds):
    """Ids that can do something when a request gets its own, which is after the claim."""

    def __init__(self) -> None:
        self.at_request: Callable[[], None] | None = None

    def mint(self, prefix: str, now: datetime) -> str:
        if prefix == "req" and self.at_request is not None:
            act, self.at_request = self.at_request, None
            act()
        return super().mint(prefix, now)


@pytest.fixture
def faulty(stack, template, tmp_path):
    keys, ids = Keys(tmp_path / "k"), Ids()
    with grow(stack, template, tmp_path, Ports(tenant_keys=keys, ids=ids)) as world:
        yield world, keys, ids


def orders():
    return an_order(1), an_order(2, vin="JH4KA8260MC000000")


def kill(world: World) -> Callable[[], None]:
    """End the backend that serves the gate, as an operator or a failover would."""

    def act() -> None:
        with world.connect() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'ops_data'"
            )

    return act


def test_documents_that_cannot_be_written_follow_later(faulty) -> None:
    """002-B: a receipt may lag, an admission may not."""
    world, _, _ = faulty
    world.blobs.available = False
    assert world.submit(*orders()).admitted == 2
    assert world.rows("SELECT written_at IS NULL FROM ops.receipt_document") == [(True,)]

    reconciler = world.services.reconciler
    call = world.services.timer_call()
    assert reconciler.backfill(call).found == 0, "it may still be on its way"
    world.clock.advance(seconds=31)
    assert reconciler.backfill(world.services.timer_call()).written == 0, "Blob is still away"
    world.blobs.available = True
    done = reconciler.backfill(world.services.timer_call())
    assert (done.found, done.written) == (1, 1)
    assert reconciler.backfill(world.services.timer_call()).found == 0
    ((tenant_id, digest),) = world.rows("SELECT tenant_id, digest FROM ops.receipt_document")
    assert list(world.blobs.names("receipts")) == [blob_name(tenant_id, digest)]


@pytest.mark.parametrize("error", [KeysUnavailable, KeyMissing])
def test_without_keys_nothing_is_stored(faulty, error) -> None:
    """000-R10: encryption keys are a precondition; the gate fails closed."""
    world, keys, _ = faulty

    def fail() -> None:
        raise error

    keys.at_fetch = fail
    before = census(world)
    with pytest.raises(error):
        world.submit(*orders())
    assert changed(before, census(world)) == {}
    assert issubclass(KeysUnavailable, Unavailable)
    world.submit(*orders())
    assert changed(before, census(world)) == ONCE


def test_a_connection_killed_before_the_claim_leaves_nothing(faulty) -> None:
    """Killed after authorising, before the first write."""
    world, keys, _ = faulty
    before = census(world)
    keys.at_fetch = kill(world)
    with pytest.raises(DatabaseUnavailable):
        world.submit(*orders())
    assert changed(before, census(world)) == {}
    assert world.submit(*orders()).admitted == 2
    assert changed(before, census(world)) == ONCE


def test_a_connection_killed_after_the_claim_leaves_nothing(faulty) -> None:
    """Killed between the claim and the seal: no key stays claimed without its record."""
    world, _, ids = faulty
    before = census(world)
    ids.at_request = kill(world)
    with pytest.raises(DatabaseUnavailable):
        world.submit(*orders())
    assert changed(before, census(world)) == {}
    assert world.submit(*orders()).admitted == 2
    assert changed(before, census(world)) == ONCE


STEPS = (
    "admission_key",
    "pii_vault",
    "blind_index",
    "admission_202611",
    "record",
    "receipt_document",
    "fact_key",
    "fact_202611",
    "idempotent_answer",
)
"""Every table that an admission writes, in order."""


@pytest.mark.parametrize("table", STEPS)
@pytest.mark.parametrize("when", ["statement", "commit"])
def test_a_connection_killed_at_any_write_or_at_its_commit_leaves_nothing(
    killing: World, table: str, when: str
) -> None:
    """000-R15: every table in turn; the repeat with the same key admits exactly once."""
    tenant = f"{table}-{when}"
    killing.add_tenant(tenant, "repair-order.v2")
    before = census(killing)
    with killing.connect() as admin:
        deferred = "CONSTRAINT TRIGGER" if when == "commit" else "TRIGGER"
        later = "DEFERRABLE INITIALLY DEFERRED" if when == "commit" else ""
        admin.execute(
            f"CREATE {deferred} cut AFTER INSERT ON ops.{table} {later}"
            " FOR EACH ROW EXECUTE FUNCTION public.hang_up()"
        )
        error = OutcomeUnknown if when == "commit" else DatabaseUnavailable
        with pytest.raises(error):
            killing.submit(*orders(), tenant=tenant, idempotency_key="k")
        admin.execute(f"DROP TRIGGER cut ON ops.{table}")
    assert changed(before, census(killing)) == {}
    again = killing.submit(*orders(), tenant=tenant, idempotency_key="k")
    assert (again.admitted, again.replayed) == (2, False)
    assert changed(before, census(killing)) == {**ONCE, "idempotent_answer": 1}


@pytest.fixture(scope="module")
def killing(stack, template, tmp_path_factory):
    with grow(stack, template, tmp_path_factory.mktemp("killing")) as world:
        with world.connect() as admin:
            # SECURITY DEFINER, because a duty login may not end backends, not even its own kind.
            admin.execute(
                "CREATE FUNCTION public.hang_up() RETURNS trigger LANGUAGE plpgsql"
                " SECURITY DEFINER AS $$ BEGIN"
                " PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1);"
                " RETURN NULL; END $$"
            )
        yield world


@pytest.mark.parametrize("key", [None, "k"])
def test_a_commit_whose_answer_is_lost_is_settled_by_sending_again(
    stack, template, tmp_path, wire: Wire, key
) -> None:
    """001-R4: Postgres committed, the caller was told to repeat, and the repeat changes nothing."""
    with grow(stack, template, tmp_path) as world:
        cut = build(
            {
                **settings_for(stack, world.database, tmp_path),
                "OPS_DATABASE_URL": through(wire, stack, world.database, tmp_path),
            },
            world.services.ports,
        )
        before = census(world)
        straight, world.services = world.services, cut
        wire.armed = True
        with pytest.raises(OutcomeUnknown):
            world.submit(*orders(), idempotency_key=key)
        assert wire.cut == 1
        more = {"idempotent_answer": 1} if key else {}
        assert changed(before, census(world)) == {**ONCE, **more}

        again = world.submit(*orders(), idempotency_key=key)
        told = [record["decision"] for record in orjson.loads(again.body)["records"]]
        if key:
            assert again.replayed
            assert told == ["ADMIT", "ADMIT"]
            assert changed(before, census(world)) == {**ONCE, **more}
        else:
            assert told == ["DUPLICATE", "DUPLICATE"]
            assert changed(before, census(world)) == {**ONCE, "fact": 2, "fact_key": 2}

        # The document was never handed over, so the reconciler writes it.
        world.clock.advance(minutes=1)
        assert straight.reconciler.backfill(straight.timer_call()).written == 1
        cut.close()
        world.services = straight


def test_a_refusal_that_cannot_be_recorded_is_not_told_as_one(killing: World) -> None:
    """Design 2.3: evidence fails closed; the caller hears of the refusal when it is on record."""
    killing.add_tenant("refused", "repair-order.v2")
    before = census(killing)
    with killing.connect() as admin:
        admin.execute(
            "CREATE TRIGGER cut AFTER INSERT ON ops.fact_key"
            " FOR EACH ROW EXECUTE FUNCTION public.hang_up()"
        )
        with pytest.raises(DatabaseUnavailable):
            killing.submit({}, tenant="refused")
        admin.execute("DROP TRIGGER cut ON ops.fact_key")
    assert changed(before, census(killing)) == {}
    with pytest.raises(RecordsRefused):
        killing.submit({}, tenant="refused")
    assert changed(before, census(killing)) == {"fact": 1, "fact_key": 1}
