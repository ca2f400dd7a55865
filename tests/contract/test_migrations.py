"""The schema: one gapless sequence, applied once, and a database that denies by default."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from local.docs.database import grants_of
from local.docs.reading import PROJECT
from local.stack import Stack
from local.stack.logins import LOGINS
from shared.kernel import migrate as runner
from shared.kernel.db import Login
from shared.kernel.migrate import MigrationEdited, MigrationFailed, MigrationsBroken, migrate

FOLDER = PROJECT / "shared" / "migrations"


@pytest.fixture(scope="module")
def admin(stack: Stack, template: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack.admin_url(template), autocommit=True) as connection:
        yield connection


@pytest.fixture
def empty(stack: Stack) -> Iterator[str]:
    """The migrator's URL of a database without a schema."""
    name = f"empty_{id(object()):x}"
    stack.create_database(name)
    yield stack.login_url("ops_migrator", name)
    stack.drop_database(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations in a folder that a test may change."""
    for file in FOLDER.glob("*.sql"):
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(runner, "files", lambda package: tmp_path)  # noqa: ARG005
    return tmp_path


class TestRunner:
    def test_the_files_make_one_sequence_with_a_reason_each(self) -> None:
        names = sorted(file.name for file in FOLDER.glob("[0-9]*.sql"))
        assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
        assert [m.number for m in runner.available()] == list(range(1, len(names) + 1))
        assert all((FOLDER / name).read_text().startswith("-- ") for name in names)

    def test_a_second_run_applies_nothing(self, empty: str) -> None:
        assert len(migrate(empty)) == len(runner.available())
        assert migrate(empty) == []

    def test_two_runners_at_once_apply_once(self, empty: str) -> None:
        with ThreadPoolExecutor(2) as both:
            done = [found for run in both.map(migrate, [empty, empty]) for found in run]
        assert [m.number for m in done] == [m.number for m in runner.available()]

    def test_an_applied_file_that_was_edited_is_refused(self, empty: str, folder: Path) -> None:
        migrate(empty)
        first = next(folder.glob("0001_*"))
        first.write_text(first.read_text() + "\n-- an afterthought\n")
        with pytest.raises(MigrationEdited, match="0001"):
            migrate(empty)

    def test_a_gap_in_the_sequence_is_refused(self, empty: str, folder: Path) -> None:
        (folder / "0099_pre_far_ahead.sql").write_text("SELECT 1;")
        with pytest.raises(MigrationsBroken):
            migrate(empty)

    def test_a_failing_file_leaves_nothing_and_keeps_what_came_before(
        self, empty: str, folder: Path
    ) -> None:
        number = len(runner.available()) + 1
        bad = folder / f"{number:04}_pre_half.sql"
        bad.write_text("CREATE TABLE ops.half (id integer); SELECT 1 / 0;")
        with pytest.raises(MigrationFailed, match=bad.name):
            migrate(empty)
        with psycopg.connect(empty) as connection:
            row = connection.execute(
                "SELECT to_regclass('ops.half'), to_regclass('ops.tenant') IS NOT NULL,"
                " (SELECT max(number) FROM public.ops_migration)"
            ).fetchone()
        assert row == (None, True, number - 1)
        bad.write_text("CREATE TABLE ops.half (id integer);")
        assert [m.number for m in migrate(empty)] == [number]

    def test_a_run_for_one_phase_stops_at_the_other(self, empty: str, folder: Path) -> None:
        number = len(runner.available()) + 1
        (folder / f"{number:04}_post_tidy.sql").write_text("SELECT 1;")
        (folder / f"{number + 1:04}_pre_more.sql").write_text("SELECT 1;")
        assert [m.number for m in migrate(empty, "pre")][-1] == number - 1
        assert [m.number for m in migrate(empty)] == [number, number + 1]


class TestNames:
    def test_every_constraint_and_index_has_a_name_that_somebody_chose(
        self, admin: psycopg.Connection
    ) -> None:
        """``table_what``. NOT NULL and a partition's copies are named by Postgres."""
        rows = admin.execute(
            "SELECT c.relname, o.conname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid"
            " WHERE o.connamespace = 'ops'::regnamespace AND o.contype <> 'n'"
            " AND NOT c.relispartition"
            " UNION ALL SELECT t.relname, i.relname FROM pg_index x"
            " JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid"
            " WHERE i.relnamespace = 'ops'::regnamespace AND NOT i.relispartition"
        ).fetchall()
        automatic = re.compile(r"_(pkey|key|fkey|idx|excl|check)\d*$")
        assert rows
        assert [name for _, name in rows if automatic.search(name)] == []
        assert [f"{table}: {name}" for table, name in rows if not _belongs(table, name)] == []

    def test_a_primary_key_is_called_so(self, admin: psycopg.Connection) -> None:
        rows = admin.execute(
            "SELECT o.conname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid"
            " WHERE o.connamespace = 'ops'::regnamespace AND o.contype = 'p'"
            " AND NOT c.relispartition"
        ).fetchall()
        assert [name for (name,) in rows if not name.endswith("_pk")] == []


class TestDefaultDeny:
    def test_every_table_with_a_tenant_has_row_level_security_forced(
        self, admin: psycopg.Connection
    ) -> None:
        """Design 2.2: forced, so that the owner's own statements obey, too."""
        rows = admin.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind IN ('r', 'p')"
            " AND a.attname = 'tenant_id' AND NOT a.attisdropped"
            " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
        ).fetchall()
        assert rows == []

    def test_every_table_with_row_level_security_keeps_rows_inside_their_tenant(
        self, admin: psycopg.Connection
    ) -> None:
        rows = admin.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'ops'::regnamespace"
            " AND c.relrowsecurity AND NOT EXISTS (SELECT FROM pg_policies p"
            " WHERE p.schemaname = 'ops' AND p.tablename = c.relname"
            " AND p.qual = '(tenant_id = ops.current_tenant())')"
        ).fetchall()
        assert rows == []

    def test_only_backup_reads_past_row_level_security_and_no_login_is_superuser(
        self, admin: psycopg.Connection
    ) -> None:
        rows = admin.execute(
            "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication,"
            " rolbypassrls FROM pg_roles WHERE rolname LIKE 'ops\\_%' ORDER BY 1"
        ).fetchall()
        assert {name for name, _, _ in rows} >= set(Login)
        assert [name for name, mighty, _ in rows if mighty] == []
        assert [name for name, _, past in rows if past] == ["ops_backup"]

    def test_no_login_can_become_another(self, admin: psycopg.Connection) -> None:
        """Design 3: one login per duty, no SET ROLE."""
        rows = admin.execute(
            "SELECT r.rolname, m.rolname FROM pg_auth_members a"
            " JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member"
            " WHERE m.rolname LIKE 'ops\\_%'"
        ).fetchall()
        assert rows == []

    def test_the_logins_of_code_stack_and_bootstrap_are_the_same(self) -> None:
        text = (FOLDER / "bootstrap.sql").read_text()
        assert set(re.findall(r"'(ops_[a-z]+)'", text)) == set(LOGINS) == set(Login)

    def test_everybody_may_do_nothing(self, admin: psycopg.Connection) -> None:
        rows = admin.execute(
            "SELECT c.relname FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) p"
            " WHERE c.relnamespace = 'ops'::regnamespace AND p.grantee = 0"
        ).fetchall()
        functions = admin.execute(
            "SELECT f.proname FROM pg_proc f CROSS JOIN LATERAL"
            " aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) p"
            " WHERE f.pronamespace = 'ops'::regnamespace AND p.grantee = 0"
        ).fetchall()
        assert (rows, functions) == ([], [])

    @pytest.mark.parametrize("table", ["admission", "fact"])
    def test_nobody_may_change_a_ledger(self, table: str, admin: psycopg.Connection) -> None:
        grants = {
            login: words for (name, login), words in grants_of(admin).items() if name == table
        }
        assert grants
        # A login gives month and text of a row; its place in the stream is Postgres' to say.
        assert set(grants.values()) <= {
            "select",
            "insert (body, month)",
            "insert (body, month), select",
        }

    def test_keys_and_backup_alone_read_the_vault(self, admin: psycopg.Connection) -> None:
        readers = {
            login
            for (name, login), words in grants_of(admin).items()
            if name == "pii_vault" and "select" in words
        }
        assert readers == {"ops_keys", "ops_backup"}

    def test_backup_reads_everything_and_changes_nothing(self, admin: psycopg.Connection) -> None:
        words = {w for (_, login), w in grants_of(admin).items() if login == "ops_backup"}
        assert words == {"select"}


def _belongs(table: str, name: str) -> bool:
    """``tenant_group_exists`` may stand on ``tenant``: a reference is named for what it asks."""
    return name.startswith(f"{table}_")
