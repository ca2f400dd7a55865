"""The keyring: a tenant's keys in memory for a minute at most, and never another's."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from shared.adapters.local_keys import UnsafePlaintextKeys
from shared.bootstrap import Ports
from shared.kernel.db import Login
from shared.kernel.ids import TenantId
from shared.kernel.ports import KeyMissing
from shared.kernel.settings import Environment
from shared.pii.errors import KeysUnavailable, SealBroken
from shared.pii.keyring import KEEP_SECONDS, Keyring, Keys
from tests.support.factories import an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import grow


class CountedKeys(UnsafePlaintextKeys):
    """Local keys that count how often they are asked for."""

    def __init__(self, folder) -> None:
        super().__init__(folder, Environment.LOCAL_PARITY)
        self.fetched: Counter[TenantId] = Counter()
        self.away = False

    def fetch(self, tenant_id: TenantId) -> bytes:
        self.fetched[tenant_id] += 1
        if self.away:
            raise KeysUnavailable
        return super().fetch(tenant_id)


class Watch:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def provider(tmp_path_factory) -> CountedKeys:
    return CountedKeys(tmp_path_factory.mktemp("provider"))


@pytest.fixture(scope="module")
def kept(stack, template, tmp_path_factory, provider):
    with grow(stack, template, tmp_path_factory.mktemp("kept"), Ports(tenant_keys=provider)) as w:
        yield w


@pytest.fixture
def watch(provider: CountedKeys) -> Watch:
    provider.fetched.clear()
    provider.away = False
    return Watch()


def ask(world: World, keyring: Keyring, tenant: str) -> Keys:
    with world.services.database(Login.DATA).transaction(world.producer(tenant)) as tx:
        return keyring.of(tx, world.tenants[tenant])


def test_keys_are_fetched_once_a_minute(kept: World, provider: CountedKeys, watch: Watch) -> None:
    """Design 5: at most 60 seconds in memory, however often they are used."""
    keyring = Keyring(provider, watch)
    tenant_id = kept.tenants["north"]
    first = ask(kept, keyring, "north")
    for _ in range(6):
        watch.now += (KEEP_SECONDS - 0.001) / 6
        assert ask(kept, keyring, "north") is first
    assert provider.fetched[tenant_id] == 1
    watch.now += 0.01
    again = ask(kept, keyring, "north")
    assert again is not first
    assert again == first
    assert provider.fetched[tenant_id] == 2
    assert KEEP_SECONDS == 60


def test_keys_nobody_asks_for_again_leave_memory_too(
    kept: World, provider: CountedKeys, watch: Watch
) -> None:
    keyring = Keyring(provider, watch)
    ask(kept, keyring, "north")
    watch.now += 30
    ask(kept, keyring, "south")
    assert keyring.forget() == 2
    watch.now += 30
    assert keyring.forget() == 1
    watch.now += 30
    assert keyring.forget() == 0


def test_an_idle_process_forgets_by_itself(
    kept: World, provider: CountedKeys, watch: Watch
) -> None:
    """Without any further call: a timer falls due when the oldest keys do."""
    keyring = Keyring(provider, watch)
    ask(kept, keyring, "north")
    timer = keyring._due
    assert timer is not None
    assert timer.daemon
    assert timer.interval == KEEP_SECONDS
    watch.now += KEEP_SECONDS
    timer.cancel()
    timer.function()
    assert keyring._kept == {}
    assert keyring._due is None


def test_a_provider_that_is_away_does_not_matter_until_the_minute_is_over(
    kept: World, provider: CountedKeys, watch: Watch
) -> None:
    keyring = Keyring(provider, watch)
    ask(kept, keyring, "north")
    provider.away = True
    watch.now += 59
    ask(kept, keyring, "north")
    watch.now += 1
    with pytest.raises(KeysUnavailable):
        ask(kept, keyring, "north")


def test_what_is_made_of_keys_leaves_memory_with_them(
    kept: World, provider: CountedKeys, watch: Watch
) -> None:
    """Placeholders remember values and a key: they live as long as the keys, not for ever."""
    kept.submit(an_order(1))
    keys = ask(kept, kept.services.keyring, "north")
    assert "redactor" in keys.derived
    kept.services.keyring._kept.clear()
    assert ask(kept, kept.services.keyring, "north").derived == {}
    gate = vars(kept.services.gate)
    assert not any("redactor" in name for name in gate)


def test_tenants_never_get_each_others_keys(
    kept: World, provider: CountedKeys, watch: Watch
) -> None:
    keyring = Keyring(provider, watch)
    north, south = ask(kept, keyring, "north"), ask(kept, keyring, "south")
    assert north.index != south.index
    assert north.data[1] != south.data[1]
    assert north.index != north.data[1]
    with (
        kept.services.database(Login.DATA).transaction(kept.producer("north")) as tx,
        pytest.raises(KeyMissing),
    ):
        Keyring(provider, watch).of(tx, kept.tenants["south"])


def test_threads_agree_on_keys(kept: World, provider: CountedKeys, watch: Watch) -> None:
    keyring = Keyring(provider, watch)
    found: list[tuple[str, bytes]] = []

    def work(tenant: str) -> None:
        for _ in range(20):
            watch.now += 7
            found.append((tenant, ask(kept, keyring, tenant).index))

    threads = [threading.Thread(target=work, args=(tenant,)) for tenant in ("north", "south") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 80
    assert len(set(found)) == 2


def test_a_wrapped_key_that_was_moved_or_changed_does_not_open(
    kept: World, provider: CountedKeys, watch: Watch
) -> None:
    """Bound to tenant, purpose and version: rows of ops.tenant_key cannot be exchanged."""
    with kept.connect() as admin, admin.transaction(force_rollback=True):
        admin.execute("SET LOCAL session_replication_role TO replica")
        north = kept.tenants["north"]
        swap = (
            "UPDATE ops.tenant_key k SET wrapped = o.wrapped FROM ops.tenant_key o"
            " WHERE k.tenant_id = %s AND k.purpose = 'data' AND {} RETURNING k.version"
        )
        from psycopg.rows import tuple_row

        for which in (
            "o.tenant_id = k.tenant_id AND o.purpose = 'index'",
            "o.tenant_id <> k.tenant_id AND o.purpose = 'data'",
        ):
            with admin.transaction(force_rollback=True):
                admin.row_factory = tuple_row
                assert admin.execute(swap.format(which), (north,)).fetchall()
                from shared.kernel.db import Tx

                with pytest.raises(SealBroken):
                    Keyring(provider, watch).of(Tx(admin), north)
