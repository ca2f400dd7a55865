"""Who may do what with seals, as Postgres holds it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from shared.adapters.signing import MemorySigningKeys
from shared.bootstrap import Ports
from shared.kernel.db import Login
from tests.store.ledger.conftest import admit, seal_all
from tests.support.fix_db import World
from tests.support.fix_worlds import grow

REFUSED = (errors.InsufficientPrivilege, errors.RestrictViolation)


@pytest.fixture(scope="module")
def ledger(stack, template, tmp_path_factory) -> Iterator[World]:
    ports = Ports(signing_keys=MemorySigningKeys())
    with grow(stack, template, tmp_path_factory.mktemp("isolated"), ports) as world:
        admit(world, 2)
        seal_all(world)
        yield world


CHANGES = (
    "UPDATE ops.seal SET signature = signature",
    "UPDATE ops.seal SET body = body",
    "DELETE FROM ops.seal",
    "TRUNCATE ops.seal CASCADE",
    "UPDATE ops.ledger_epoch SET above_seq = 1",
    "DELETE FROM ops.ledger_epoch",
    "TRUNCATE ops.ledger_epoch",
)


@pytest.mark.parametrize("login", [*Login, "postgres"])
@pytest.mark.parametrize("change", CHANGES)
def test_nobody_changes_or_removes_a_seal_or_an_epoch(ledger: World, login, change: str) -> None:
    """By grant, and for whoever owns the table by trigger."""
    with ledger.connect(login) as connection, connection.transaction(force_rollback=True):
        if "epoch" in change and login in (Login.MIGRATOR, "postgres"):
            connection.execute(
                "INSERT INTO ops.ledger_epoch VALUES ('admission', 9, 9, '2026-01-01')"
            )
        with pytest.raises(REFUSED):
            connection.execute(change)


@pytest.mark.parametrize("login", [login for login in Login if login is not Login.MIGRATOR])
def test_the_sealer_alone_appends_seals_and_begins_epochs(ledger: World, login: Login) -> None:
    with ledger.connect(login) as connection:
        for statement in (
            "INSERT INTO ops.seal (body, signature, leaves) VALUES ('{}', '', '')",
            "SELECT ops.begin_ledger_epoch('2026-01-01')",
        ):
            with connection.transaction(force_rollback=True):
                try:
                    connection.execute(statement)
                    may = True
                except errors.InsufficientPrivilege:
                    may = False
                except psycopg.errors.IntegrityError:
                    may = True
            assert may == (login is Login.SEAL), statement


@pytest.mark.parametrize("table", ["admission", "fact"])
def test_the_sealer_cannot_write_change_or_remove_an_entry(ledger: World, table: str) -> None:
    """It may record facts of its own, as every duty may."""
    with ledger.connect(Login.SEAL) as connection:
        connection.execute("SELECT set_config('ops.scope', 'platform', false)")
        assert connection.execute(f"SELECT count(*) > 0 FROM ops.{table}").fetchone() == (True,)
        statements = [f"UPDATE ops.{table} SET body = body", f"DELETE FROM ops.{table}"]
        if table == "admission":
            statements.append("INSERT INTO ops.admission (month, body) VALUES (202611, '{}')")
        for statement in statements:
            with pytest.raises(REFUSED):
                connection.execute(statement)


def test_a_seal_whose_leaves_are_others_is_refused_by_the_table(ledger: World) -> None:
    [(body, signature, leaves)] = ledger.rows(
        "SELECT body, signature, leaves FROM ops.seal WHERE stream = 'admission'"
    )
    with ledger.connect(Login.SEAL) as connection:
        insert = "INSERT INTO ops.seal (body, signature, leaves) VALUES (%s, %s, %s)"
        body = body.replace('"number":1', '"number":2').replace(
            '"first_offset":0', '"first_offset":2'
        )
        for bad, rule in (
            ((body, signature, leaves[:-1] + b"\0"), "seal_leaves_of_body"),
            ((body, signature[:-1], leaves), "seal_signature_length"),
            ((body.replace('"number":2', '"number":1'), signature, leaves), "seal_pk"),
        ):
            with pytest.raises(psycopg.errors.IntegrityError) as refused:
                connection.execute(insert, bad)
            assert refused.value.diag.constraint_name == rule


def test_partitions_of_later_months_are_indexed_in_the_order_of_sealing(ledger: World) -> None:
    with ledger.connect() as admin:
        admin.execute("SELECT ops.prepare_ledger_months(203001, 1)")
        rows = admin.execute(
            "SELECT tablename FROM pg_indexes WHERE schemaname = 'ops'"
            " AND indexdef LIKE %s AND tablename LIKE %s ORDER BY 1",
            ("%(xid, seq)", "%_203001"),
        ).fetchall()
    assert rows == [("admission_203001",), ("fact_203001",)]


def test_entries_are_read_along_their_index_however_many_wait(ledger: World) -> None:
    """Row-level security leaves the index usable, other streams are not looked at, no sort."""
    from shared.ledger import store

    stretch = {
        **store._stretch("admission", store.Epoch(1, 0, None), store.Position(5, 5)),
        "closed": False,
        "most": 100,
    }
    with ledger.connect(Login.SEAL) as connection, connection.transaction():
        connection.execute("SELECT set_config('ops.scope', 'platform', true)")
        connection.execute(store._sql.read_in_order)
        rows = connection.execute(b"EXPLAIN " + store._sql.entries_to_seal, stretch).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert "Merge Append" in plan
    assert "Index Cond" in plan
    assert "Seq Scan" not in plan
    assert "on fact" not in plan
