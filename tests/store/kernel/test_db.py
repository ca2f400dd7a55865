"""Pools and transactions: no call ever finds another call's tenant, whatever went wrong before."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors as pg

from shared.kernel.db import Database, DatabaseUnavailable, Login, NotMigrated
from shared.kernel.ids import TenantId
from tests.support.fix_db import World

WHO = b"SELECT ops.current_tenant()"
SCOPE = b"SELECT ops.across_tenants()"
ME = b"SELECT pg_backend_pid()"


@pytest.fixture
def small(land: World, request) -> Iterator[Database]:
    """A pool of one or two connections."""
    made = Database(
        land.services.settings.database_url, Login.DATA, pool_max=getattr(request, "param", 1)
    )
    yield made
    made.close()


def call_in(world: World, number: int | None):
    call = world.producer()
    tenant_id = None if number is None else TenantId(f"tnt_{number:026}")
    return replace(call, tenant_id=tenant_id)


def succeed(database: Database, call) -> None:
    with database.transaction(call) as tx:
        tx.value(WHO)


def stumble(database: Database, call) -> None:
    with database.transaction(call) as tx:
        tx.value(b"SELECT 1/0")


def give_up(database: Database, call) -> None:
    with database.transaction(call):
        raise KeyError


def stumble_in_pipeline(database: Database, call) -> None:
    with database.transaction(call) as tx, tx.pipeline():
        tx.run(b"SELECT 1")
        tx.run(b"SELECT 1/0")
        tx.run(b"SELECT 1")


def time_out(database: Database, call) -> None:
    with database.transaction(call) as tx:
        tx.run(b"SET LOCAL statement_timeout TO 5")
        tx.run(b"SELECT pg_sleep(1)")


def end(database: Database, call) -> None:
    with database.transaction(call) as tx:
        tx.run(b"SELECT pg_terminate_backend(pg_backend_pid())")


def disobey(database: Database, call) -> None:
    with database.transaction(call, read_only=True) as tx:
        tx.run(b"INSERT INTO ops.fact_key VALUES (NULL, 'x')")


def cross(database: Database, call) -> None:
    with database.platform(call) as tx:
        tx.value(SCOPE)


def forget_to_read(database: Database, call) -> None:
    with database.transaction(call) as tx, tx.pipeline():
        tx.run(b"SELECT generate_series(1, 1000)")


WAYS = (
    succeed,
    stumble,
    give_up,
    stumble_in_pipeline,
    time_out,
    end,
    disobey,
    cross,
    forget_to_read,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(WAYS), st.integers(0, 5)), min_size=1, max_size=6))
def test_whatever_a_call_did_the_next_one_is_inside_its_own_tenant(
    land: World, small: Database, history
) -> None:
    """Design 2.2: the tenant is set for one transaction, and nothing outlives it."""
    for number, (way, tenant) in enumerate(history):
        with suppress(psycopg.Error, KeyError, DatabaseUnavailable):
            way(small, call_in(land, tenant))
        with small.transaction(call_in(land, 100 + number)) as tx:
            assert tx.value(WHO) == f"tnt_{100 + number:026}"
            assert tx.value(SCOPE) is False
        with small.transaction(call_in(land, None)) as tx:
            assert tx.value(WHO) is None
            assert tx.value(b"SELECT count(*) FROM ops.tenant") == 0


def test_a_connection_goes_back_to_the_pool_without_a_tenant(land: World, small: Database) -> None:
    """Set for the transaction, not for the session: what bypasses it is inside no tenant."""
    for way in (succeed, stumble, give_up, cross):
        with suppress(psycopg.Error, KeyError):
            way(small, call_in(land, 1))
        with small._pool.connection() as bare:
            assert bare.execute(WHO).fetchone() == (None,)
            assert bare.execute(SCOPE).fetchone() == (False,)


@pytest.mark.parametrize("small", [1, 2], indirect=True)
def test_threads_that_share_a_small_pool_never_share_a_tenant(land: World, small: Database) -> None:
    """Eight threads, many tenants, one or two connections, and every kind of failure."""
    wrong: list[object] = []
    done: list[int] = []

    def work(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(30):
            number = dice.randrange(1000)
            if dice.random() < 0.25:
                way = dice.choice(WAYS)
                with suppress(psycopg.Error, KeyError, DatabaseUnavailable):
                    way(small, call_in(land, number))
                continue
            try:
                with small.transaction(call_in(land, number)) as tx:
                    seen = [tx.value(WHO) for _ in range(3)]
                    if set(seen) != {f"tnt_{number:026}"}:
                        wrong.append((number, seen))
                done.append(number)
            except DatabaseUnavailable:
                # The pool was busy for longer than a caller waits.
                continue

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(done) > 100


def kill(world: World, pid: int) -> None:
    with world.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_connection_that_died_in_the_pool_is_replaced_unnoticed(
    land: World, small: Database
) -> None:
    with small.transaction(call_in(land, 1)) as tx:
        pid = tx.value(ME)
    kill(land, pid)
    with small.transaction(call_in(land, 2)) as tx:
        assert tx.value(WHO) == f"tnt_{2:026}"
        assert tx.value(ME) != pid


def test_a_connection_that_dies_in_use_is_unavailable_and_replaced(
    land: World, small: Database
) -> None:
    with (  # noqa: PT012 - the block is the transaction
        pytest.raises(DatabaseUnavailable),
        small.transaction(call_in(land, 1)) as tx,
    ):
        kill(land, tx.value(ME))
        tx.value(WHO)
    with small.transaction(call_in(land, 2)) as tx:
        assert tx.value(WHO) == f"tnt_{2:026}"


def test_a_busy_pool_is_unavailable_and_recovers(land: World, small: Database) -> None:
    """Nobody waits for ever for a connection, and nothing is lost by having waited."""
    small._pool.timeout = 0.05
    with small.transaction(call_in(land, 1)) as tx:
        assert tx.value(ME)
        with pytest.raises(DatabaseUnavailable), small.transaction(call_in(land, 2)):
            pass
    with small.transaction(call_in(land, 3)) as tx:
        assert tx.value(WHO) == f"tnt_{3:026}"


@pytest.mark.parametrize(
    ("statement", "raised"),
    [
        (b"SELECT pg_sleep(1)", DatabaseUnavailable),
        (b"DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", DatabaseUnavailable),
        (b"DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$", DatabaseUnavailable),
        (b"DO $$ BEGIN RAISE SQLSTATE '55P03'; END $$", DatabaseUnavailable),
        (b"DO $$ BEGIN RAISE SQLSTATE '53300'; END $$", DatabaseUnavailable),
        (b"DO $$ BEGIN RAISE SQLSTATE '57014'; END $$", DatabaseUnavailable),
        (b"SELECT FROM ops.not_there", NotMigrated),
        (b"SELECT 1/0", pg.DivisionByZero),
        (b"SELECT FROM ops.pii_vault", pg.InsufficientPrivilege),
    ],
)
def test_what_may_be_tried_again_is_unavailable_and_what_is_a_defect_is_not(
    land: World, small: Database, statement: bytes, raised: type[Exception]
) -> None:
    """Style 9: a retry of a defect would only repeat it."""
    with pytest.raises(raised), small.transaction(call_in(land, 1)) as tx:  # noqa: PT012 - the block is the transaction
        tx.run(b"SET LOCAL statement_timeout TO 20")
        tx.run(statement)


def test_a_transaction_that_lives_too_long_is_ended_by_postgres(
    land: World, small: Database
) -> None:
    """Design 2.5: it would hold the sealing horizon."""
    with small.transaction(call_in(land, 1)) as tx:
        assert tx.value(b"SHOW transaction_timeout") == "30s"
    with land.connect("ops_data") as bare, pytest.raises(pg.TransactionTimeout):  # noqa: PT012 - the block is the transaction
        bare.execute("BEGIN; SET LOCAL transaction_timeout TO '30ms'")
        bare.execute("SELECT pg_sleep(1)")


def test_a_database_that_is_not_there_is_unavailable(land: World) -> None:
    nowhere = land.services.settings.database_url.replace(land.database, "no_such_database")
    database = Database(nowhere, Login.DATA, pool_max=1)
    database._pool.timeout = 0.3
    with pytest.raises(DatabaseUnavailable), database.transaction(call_in(land, 1)):
        pass
    database.close()


def test_a_write_in_a_read_only_transaction_is_refused(land: World, small: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        disobey(small, call_in(land, 1))
    assert land.rows("SELECT count(*) FROM ops.fact_key WHERE fact_id = 'x'") == [(0,)]


@pytest.mark.parametrize("name", ["'", "x'; DROP SCHEMA ops CASCADE; --", "\\", '"', "a b", "$$"])
def test_a_tenant_name_is_never_read_as_sql(land: World, small: Database, name: str) -> None:
    with small.transaction(replace(land.producer(), tenant_id=TenantId(name))) as tx:
        assert tx.value(WHO) == name
