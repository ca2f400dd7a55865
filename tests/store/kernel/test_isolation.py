"""Tenant isolation as Postgres holds it: by row-level security and grants, not by good manners.

Everything here is plain SQL under the duty logins, as code with a defect could send it.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import psycopg
import pytest
from psycopg import errors, sql
from psycopg.types.json import Jsonb

from shared.bootstrap import Ports
from shared.kernel import outbox
from shared.kernel.db import Login
from tests.support.approving import a_plan, propose
from tests.support.factories import a_complaint, an_order
from tests.support.fix_db import START, World
from tests.support.fix_worlds import grow
from tests.support.held import bad, hold

DUTIES = [login for login in Login if login not in (Login.MIGRATOR, Login.BACKUP)]
ACROSS = {
    Login.CONTROL: {
        "tenant",
        "producer_grant",
        "platform_run",
        "receipt_document",
        "outbox",
        "fact_key",
        "idempotent_answer",
        "admission",
        "fact",
        "approval",
        "run_segment",
        "quarantine",
        "quarantine_copy",
    },
    Login.SEAL: {"admission", "fact"},
    Login.AUDIT: {"admission", "fact", "approval"},
}
"""Which login may see other tenants' rows in a transaction that says so; nobody else may."""


@pytest.fixture(scope="module")
def two(stack, template, tmp_path_factory) -> Iterator[World]:
    """Two tenants with a row in every table that has a tenant."""
    with grow(stack, template, tmp_path_factory.mktemp("two"), Ports()) as world:
        for tenant in ("north", "south"):
            world.submit(an_order(1), tenant=tenant, idempotency_key="k")
            hold(world, tenant, bad(2))
            call = world.producer(tenant)
            with world.services.database(Login.DATA).transaction(call) as tx:
                outbox.send(tx, call, world.services.ports.ids, "q", {})
            propose(world, a_plan(), world.operator().for_tenant(world.tenants[tenant]))
        yield world


def tables(world: World) -> dict[str, list[str]]:
    """Every table with a tenant_id, this month's partitions too, and the columns one can write."""
    found: dict[str, list[str]] = {}
    for table, column, generated in world.rows(
        "SELECT c.relname, a.attname, a.attgenerated <> '' OR a.attidentity <> ''"
        "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        "  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE n.nspname = 'ops' AND c.relkind IN ('r', 'p')"
        "   AND (NOT c.relispartition OR c.relname LIKE %s) AND EXISTS ("
        "       SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')"
        " ORDER BY 1, a.attnum",
        f"%_{START:%Y%m}",
    ):
        found.setdefault(table, [])
        if not generated:
            found[table].append(column)
    return found


def inside(connection, tenant: str | None, scope: str = "") -> None:
    connection.execute("SELECT set_config('ops.tenant', %s, false)", (tenant or "",))
    connection.execute("SELECT set_config('ops.scope', %s, false)", (scope,))


def visible(connection, table: str) -> set[str | None] | None:
    """Whose rows are seen; ``None`` when the login may not look at all."""
    name = sql.Identifier("ops", table)
    try:
        rows = connection.execute(sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(name))
    except errors.InsufficientPrivilege:
        return None
    return {tenant for (tenant,) in rows.fetchall()}


def test_every_table_with_a_tenant_forces_row_level_security(two: World) -> None:
    """Design 2.2: FORCEd, so that it holds for the owner as well."""
    rows = two.rows(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'ops' AND c.relkind IN ('r', 'p')"
        "   AND relrowsecurity AND relforcerowsecurity"
    )
    assert {name for (name,) in rows} >= set(tables(two))


def test_the_test_has_a_row_of_both_tenants_in_every_table(two: World) -> None:
    both = set(two.tenants.values())
    with two.connect() as admin:
        for table in tables(two):
            assert visible(admin, table) >= both, table


@pytest.mark.parametrize("login", [*DUTIES, Login.MIGRATOR])
def test_without_a_tenant_no_row_is_seen(two: World, login: Login) -> None:
    """Design 2.2: unset or empty sees nothing of any tenant."""
    with two.connect(login) as connection:
        for table in tables(two):
            seen = visible(connection, table)
            assert not (seen or set()) - {None}, table
            inside(connection, "")
            assert not (visible(connection, table) or set()) - {None}, table


@pytest.mark.parametrize("login", [*DUTIES, Login.MIGRATOR])
def test_inside_a_tenant_only_its_rows_are_seen(two: World, login: Login) -> None:
    north = two.tenants["north"]
    with two.connect(login) as connection:
        inside(connection, north)
        for table in tables(two):
            seen = visible(connection, table)
            assert seen is None or seen - {None} <= {north}, table


@pytest.mark.parametrize("login", DUTIES)
def test_saying_platform_helps_only_the_logins_whose_duty_it_is(two: World, login: Login) -> None:
    """Design 2.2: ops_data, ops_jobs, ops_search and ops_keys gain nothing by it."""
    both = set(two.tenants.values())
    with two.connect(login) as connection:
        inside(connection, None, "platform")
        gained = {table for table in tables(two) if (visible(connection, table) or set()) & both}
    assert gained == ACROSS.get(login, set())


@pytest.mark.parametrize("login", [*DUTIES, Login.MIGRATOR])
def test_inside_a_tenant_another_tenants_rows_cannot_be_written(two: World, login: Login) -> None:
    """Refused by privilege, by row-level security or by trigger; or no row is touched."""
    north, south = two.tenants["north"], two.tenants["south"]
    with two.connect(login) as connection:
        inside(connection, north)
        for table, columns in tables(two).items():
            name = sql.Identifier("ops", table)
            where = sql.SQL("tenant_id = {}").format(sql.Literal(south))
            for column in columns:
                update = sql.SQL("UPDATE {} SET {c} = {c} WHERE {w}").format(
                    name, c=sql.Identifier(column), w=where
                )
                assert touched(connection, update) in (0, None), (table, column)
            delete = sql.SQL("DELETE FROM {} WHERE {}").format(name, where)
            assert touched(connection, delete) in (0, None), table
            assert touched(connection, moving(table, columns, two, south)) is None, table
            if login is not Login.MIGRATOR:
                # Whoever owns the schema resets it; ledgers are a test of their own.
                truncate = sql.SQL("TRUNCATE {} CASCADE").format(name)
                assert touched(connection, truncate) is None, table


def moving(table: str, columns: list[str], world: World, owner: str) -> sql.Composed:
    """An INSERT of a copy of one of ``owner``'s rows, with other keys where it has any."""
    with world.connect() as admin:
        row = admin.execute(
            sql.SQL("SELECT {} FROM {} WHERE tenant_id = {} LIMIT 1").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.Identifier("ops", table),
                sql.Literal(owner),
            )
        ).fetchone()
    assert row is not None, table
    fresh = {
        "receipt_id": "0" * 32,
        "request_id": "req_" + "0" * 26,
        "outbox_id": "msg_" + "0" * 26,
        "approval_id": "apr_" + "0" * 26,
        "fact_id": "0" * 64,
        "run_id": "run_" + "0" * 26,
        "contract": "other.v1",
        "dedupe_key": bytes(32),
        "key_digest": bytes(32),
        "digest": row[columns.index("digest")] if "digest" in columns else None,
        "version": 99,
        "state": "retiring",
        "name": "another",
        "standing": False,
    }
    values = [fresh.get(c, v) if c in fresh else v for c, v in zip(columns, row, strict=True)]
    values = [
        Jsonb(value) if isinstance(value, dict) or column == "reasons" else value
        for column, value in zip(columns, values, strict=True)
    ]
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier("ops", table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(map(sql.Literal, values)),
    )


def touched(connection, statement: sql.Composed) -> int | None:
    """How many rows a statement touched, undone; ``None`` when it was refused."""
    try:
        with connection.transaction(force_rollback=True):
            return connection.execute(statement).rowcount
    except (errors.InsufficientPrivilege, errors.RestrictViolation):
        return None
    except errors.FeatureNotSupported:
        # A foreign key stands in the way of TRUNCATE before the privilege is looked at.
        return None


def refused(connection, statement: str) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except errors.InsufficientPrivilege:
        return True
    return False


def test_the_gate_cannot_read_the_vault_nor_change_what_it_wrote(two: World) -> None:
    """Design 3: ops_data inserts into vault and ledger, and reads blind indexes only."""
    with two.connect("ops_data") as data:
        inside(data, two.tenants["north"])
        for statement in (
            "SELECT FROM ops.pii_vault",
            "SELECT ciphertext FROM ops.pii_vault",
            "UPDATE ops.pii_vault SET nonce = nonce",
            "DELETE FROM ops.pii_vault",
            "INSERT INTO ops.pii_vault SELECT * FROM ops.pii_vault",
            "SELECT FROM ops.record",
            "COPY ops.pii_vault TO STDOUT",
        ):
            assert refused(data, statement), statement
        for ledger in ("admission", "fact", "admission_202611", "fact_202611"):
            for statement in (
                f"UPDATE ops.{ledger} SET body = body",
                f"DELETE FROM ops.{ledger}",
                f"TRUNCATE ops.{ledger}",
            ):
                assert refused(data, statement), statement


CONTROL = (
    "environment_marker",
    "tenant_group",
    "tenant",
    "principal",
    "group_member",
    "role_grant",
    "producer_grant",
    "policy_revision",
    "platform_run",
    "tenant_key",
)


@pytest.mark.parametrize("login", [d for d in DUTIES if d is not Login.CONTROL])
def test_nobody_but_the_control_plane_changes_control_tables(two: World, login: Login) -> None:
    """Only ops_keys may touch tenant_key, and only ops_control the rest; nobody the marker."""
    with two.connect(login) as connection:
        inside(connection, two.tenants["north"])
        for table in CONTROL:
            if login is Login.KEYS and table == "tenant_key":
                continue
            for statement in (
                f"INSERT INTO ops.{table} DEFAULT VALUES",
                f"DELETE FROM ops.{table}",
                f"TRUNCATE ops.{table}",
            ):
                assert refused(connection, statement), statement
            for (column,) in two.rows(
                "SELECT attname::text FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0",
                f"ops.{table}",
            ):
                assert refused(connection, f"UPDATE ops.{table} SET {column} = {column}")


def test_the_control_plane_cannot_change_the_marker_or_what_a_revision_says(two: World) -> None:
    with two.connect("ops_control") as control:
        for statement in (
            "UPDATE ops.environment_marker SET environment = 'production'",
            "DELETE FROM ops.environment_marker",
            "UPDATE ops.policy_revision SET document = ''",
            "DELETE FROM ops.policy_revision",
            "DELETE FROM ops.tenant",
            "UPDATE ops.tenant SET tenant_id = tenant_id",
            "SELECT FROM ops.pii_vault",
            "SELECT answer FROM ops.idempotent_answer",
            "SELECT FROM ops.record",
        ):
            assert refused(control, statement), statement


def test_only_the_key_duty_reads_ciphertext(two: World) -> None:
    """Design 3, 000-R23: no other login, the backup apart, has a way to it."""
    readers = set()
    for login in Login:
        with two.connect(login) as connection:
            inside(connection, two.tenants["north"])
            if not refused(connection, "SELECT ciphertext FROM ops.pii_vault"):
                readers.add(login)
    # The migrator owns the table; it is used for migrations alone.
    assert readers == {Login.KEYS, Login.BACKUP, Login.MIGRATOR}


@pytest.mark.parametrize("table", ["admission", "admission_202611", "fact", "fact_202611"])
@pytest.mark.parametrize("who", ["ops_migrator", "postgres"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET body = body", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_not_even_the_owner_changes_a_ledger(
    two: World, who: str, table: str, statement: str
) -> None:
    """Design 2.5: append-only by trigger, on the table and on its partitions."""
    with two.connect(who) as owner:
        inside(owner, two.tenants["north"])
        with pytest.raises(errors.RestrictViolation):
            owner.execute(sql.SQL(statement).format(sql.Identifier("ops", table)))


def test_a_partition_that_is_added_later_is_as_closed_as_the_first(two: World) -> None:
    """Row triggers follow to new partitions; rows arrive through the parent, under its policy."""
    with two.connect("ops_migrator") as owner:
        owner.execute(
            "CREATE TABLE ops.admission_205001 PARTITION OF ops.admission"
            " FOR VALUES FROM (205001) TO (205002)"
        )
    body = orjson.dumps(
        {
            "admitted_at_utc": "2050-01-02T00:00:00Z",
            "tenant_id": two.tenants["north"],
            "receipt_id": "0" * 32,
        }
    ).decode()
    with two.connect("ops_data") as data:
        inside(data, two.tenants["north"])
        data.execute("INSERT INTO ops.admission (month, body) VALUES (205001, %s)", (body,))
        assert refused(data, "SELECT FROM ops.admission_205001")
    with two.connect() as admin:
        for statement in ("UPDATE {} SET body = body", "DELETE FROM {}"):
            with pytest.raises(errors.RestrictViolation):
                admin.execute(sql.SQL(statement).format(sql.Identifier("ops", "admission_205001")))
    with two.connect("ops_migrator") as owner:
        owner.execute("DROP TABLE ops.admission_205001")


def test_a_ledger_row_cannot_claim_another_tenant_than_its_text(two: World) -> None:
    """A row is its canonical text: the tenant is generated from it, and the policy reads that."""
    north, south = two.tenants["north"], two.tenants["south"]
    with two.connect("ops_data") as data:
        inside(data, north)
        for tenant in (south, None):
            body = {
                "admitted_at_utc": "2026-11-21T00:00:00Z",
                "recorded_at": "2026-11-21T00:00:00Z",
                "tenant_id": tenant,
                "receipt_id": "0" * 32,
                "fact_id": "0" * 64,
                "name": "a:b:c",
            }
            with pytest.raises((errors.InsufficientPrivilege, errors.NotNullViolation)):
                data.execute(
                    "INSERT INTO ops.admission (month, body) VALUES (202611, %s)",
                    (orjson.dumps(body).decode(),),
                )
        with pytest.raises(errors.InsufficientPrivilege):
            data.execute(
                "INSERT INTO ops.fact (month, body) VALUES (202611, %s)",
                (orjson.dumps({**body, "tenant_id": south}).decode(),),
            )
        with pytest.raises(errors.CheckViolation):
            data.execute(
                "INSERT INTO ops.fact (month, body) VALUES (202612, %s)",
                (orjson.dumps({**body, "tenant_id": north}).decode(),),
            )


def test_no_login_is_superuser_and_only_backup_reads_past_the_policies(two: World) -> None:
    """Design 3."""
    rows = two.rows(
        "SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication, rolbypassrls,"
        "       EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)"
        "  FROM pg_roles r WHERE rolname LIKE 'ops\\_%%'"
    )
    assert {name for name, *_ in rows} >= {login.value for login in Login}
    assert {name for name, powerful, *_ in rows if powerful} == set()
    assert {name for name, _, bypasses, _ in rows if bypasses} == {"ops_backup"}
    assert {name for name, *_, member in rows if member} == set()


def test_the_backup_reads_everything_and_changes_nothing(two: World) -> None:
    both = set(two.tenants.values())
    with two.connect("ops_backup") as backup:
        for table, (column, *_) in tables(two).items():
            assert visible(backup, table) >= both, table
            for statement in (
                f"INSERT INTO ops.{table} DEFAULT VALUES",
                f"UPDATE ops.{table} SET {column} = {column}",
                f"DELETE FROM ops.{table}",
                f"TRUNCATE ops.{table}",
            ):
                with pytest.raises(psycopg.Error) as error, backup.transaction():
                    backup.execute(sql.SQL(statement))
                assert error.type is errors.InsufficientPrivilege, (table, statement)


def test_strangers_have_no_way_into_the_schema(two: World) -> None:
    rows = two.rows(
        "SELECT has_schema_privilege('public', 'ops', 'USAGE'),"
        "       has_schema_privilege('public', 'public', 'CREATE')"
    )
    assert rows == [(False, False)]
    assert two.rows(
        "SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'ops' AND has_function_privilege('public', p.oid, 'EXECUTE')"
    ) == [(0,)]


def test_two_tenants_with_the_same_values_share_nothing(two: World) -> None:
    """000-R3: same order number, VIN and phone: both admitted, and nothing keyed is alike."""
    answers = [two.submit(an_order(77), tenant=tenant) for tenant in ("north", "south")]
    assert [answer.admitted for answer in answers] == [1, 1]
    ids = [orjson.loads(answer.body)["records"][0]["receipt_id"] for answer in answers]

    def of(column: str, table: str, receipt_id: str) -> set[object]:
        return {
            value
            for (value,) in two.rows(
                f"SELECT {column} FROM ops.{table} WHERE receipt_id = %s", receipt_id
            )
        }

    for column, table in (
        ("digest", "blind_index"),
        ("nonce", "pii_vault"),
        ("ciphertext", "pii_vault"),
        ("body::jsonb -> 'payload_hash' ->> 'hex'", "admission"),
        ("body::jsonb -> 'record_hash' ->> 'hex'", "admission"),
        ("body::jsonb ->> 'dedupe_key'", "admission"),
        ("semantic ->> '/customer_complaint'", "record"),
    ):
        north, south = (of(column, table, receipt_id) for receipt_id in ids)
        assert north, column
        assert not north & south, column


def test_an_error_never_names_another_tenant(two: World) -> None:
    """The same event elsewhere is neither a duplicate nor a clash here."""
    two.submit(a_complaint(5), tenant="north", contract="vehicle-complaint.v1")
    other = two.submit(
        a_complaint(5, model="OTHER"), tenant="south", contract="vehicle-complaint.v1"
    )
    assert other.admitted == 1
