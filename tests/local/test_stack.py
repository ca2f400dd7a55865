"""The local stack: started once, found again, completed after a kill, stopped for good."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from azure.storage.blob import BlobServiceClient

from local.stack import Stack, stop
from local.stack.__main__ import main
from local.stack.home import PROJECT
from local.stack.logins import LOGINS, read_passwords
from local.stack.place import _parents, _wheel, erase_data, find_place
from local.stack.processes import working_in

# One worker runs them all, so that one running stack serves most of them.
pytestmark = pytest.mark.xdist_group("local_stack")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("running")
    try:
        yield Stack.ensure(home, durable=False)
    finally:
        # Also when a part did not start: the other one runs.
        stop(home, erase=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    stop(tmp_path / "home", erase=True)


def _processes(stack: Stack) -> list[int]:
    return [stack.postgres.pid, stack.azurite.pid]


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class TestStart:
    def test_a_running_stack_is_found_again(self, running: Stack) -> None:
        again = Stack.ensure(running.home.root)
        assert again == running == Stack.find(running.home.root)

    def test_two_processes_at_once_start_one_stack(self, home: Path) -> None:
        command = [sys.executable, "-m", "local.stack", "up", "--json", "--home", str(home)]
        both = [
            subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        answers = [process.communicate(timeout=60) for process in both]
        assert [process.returncode for process in both] == [0, 0], answers
        first, second = (json.loads(out) for out, _ in answers)
        assert first == second
        stack = Stack.find(home)
        assert stack is not None
        postmasters = [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if stack.postgres.data in (process.info["cmdline"] or [])
        ]
        assert postmasters == [stack.postgres.pid]

    def test_a_killed_azurite_comes_back_where_it_was(self, running: Stack) -> None:
        os.kill(running.azurite.pid, signal.SIGKILL)
        assert Stack.find(running.home.root) is None
        again = Stack.ensure(running.home.root, durable=False)
        assert again.azurite.ports == running.azurite.ports
        assert again.azurite.pid != running.azurite.pid
        assert again.storage() == running.storage()
        assert again.postgres == running.postgres

    def test_a_killed_postgres_comes_back_with_its_data(self, running: Stack) -> None:
        running = Stack.ensure(running.home.root, durable=False)
        with psycopg.connect(running.admin_url(), autocommit=True) as busy:
            busy.execute("CREATE TABLE survives AS SELECT 1 AS answer")
            busy.execute("CHECKPOINT")
            sleeper = psycopg.connect(running.admin_url())
            asleep = sleeper.pgconn
            # A backend in the middle of work outlives its killed server.
            asleep.send_query(b"SELECT pg_sleep(600)")
            os.kill(running.postgres.pid, signal.SIGKILL)
        again = Stack.ensure(running.home.root, durable=False)
        sleeper.close()
        with psycopg.connect(again.admin_url(), autocommit=True) as admin:
            assert admin.execute("SELECT answer FROM survives").fetchall() == [(1,)]
            admin.execute("DROP TABLE survives")
        assert again.postgres.port == running.postgres.port

    def test_a_lost_pass_file_is_written_anew(self, running: Stack) -> None:
        before = read_passwords(running.home.passfile)
        running.home.passfile.unlink()
        again = Stack.ensure(running.home.root, durable=False)
        after = read_passwords(again.home.passfile)
        assert after.keys() == before.keys()
        assert not set(after.values()) & set(before.values())
        with psycopg.connect(again.login_url("ops_data", "postgres")) as connection:
            assert connection.info.user == "ops_data"


class TestStop:
    def test_down_stops_everything_and_may_be_repeated(self, home: Path) -> None:
        stack = Stack.ensure(home, durable=False)
        stack.stop()
        assert not any(_alive(pid) for pid in _processes(stack))
        assert Stack.find(home) is None
        assert stop(home) is False
        assert Stack.ensure(home, durable=False).postgres.port == stack.postgres.port

    def test_what_no_state_file_mentions_is_stopped_too(self, home: Path) -> None:
        stack = Stack.ensure(home, durable=False)
        # As after a kill between starting and writing the state down.
        (home / "stack.json").unlink()
        assert stop(home) is True
        assert not any(_alive(pid) for pid in _processes(stack))

    def test_a_shell_that_stands_in_the_data_folder_is_left_alone(self, tmp_path: Path) -> None:
        shell = subprocess.Popen(["/bin/sleep", "60"], cwd=tmp_path)
        try:
            # The system shows a new process's command line a moment after its start.
            deadline = time.monotonic() + 5
            while not working_in(tmp_path, "/bin/sleep") and time.monotonic() < deadline:
                time.sleep(0.01)
            assert working_in(tmp_path, "azurite") == []
            assert working_in(tmp_path, "/bin/sleep") == [shell.pid]
        finally:
            shell.kill()
            shell.wait()

    def test_where_nothing_was_started_nothing_is_created(self, tmp_path: Path) -> None:
        assert stop(tmp_path / "never") is False
        assert not (tmp_path / "never").exists()


class TestSecrets:
    def test_no_url_holds_a_password(self, running: Stack) -> None:
        running = Stack.ensure(running.home.root, durable=False)
        urls = [running.admin_url(), running.database_url(), running.login_url("ops_data")]
        passwords = read_passwords(running.home.passfile)
        assert set(passwords) == {"postgres", *LOGINS}
        assert not [url for url in urls for password in passwords.values() if password in url]

    def test_secrets_can_be_read_by_their_owner_alone(self, running: Stack) -> None:
        for name in ("pgpass", "stack.json"):
            mode = (running.home.root / name).stat().st_mode
            assert stat.S_IMODE(mode) == 0o600, name

    def test_a_connection_without_the_password_is_refused(
        self, running: Stack, tmp_path: Path
    ) -> None:
        running = Stack.ensure(running.home.root, durable=False)
        empty = tmp_path / "pgpass"
        empty.touch(mode=0o600)
        url = running.admin_url().split("?", maxsplit=1)[0]
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(f"{url}?passfile={empty}")

    def test_only_the_backup_login_sees_past_row_security(self, running: Stack) -> None:
        running = Stack.ensure(running.home.root, durable=False)
        with psycopg.connect(running.admin_url()) as admin:
            rows = admin.execute(
                "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
                " FROM pg_roles WHERE rolname LIKE 'ops!_%' ESCAPE '!'"
            ).fetchall()
        assert {row[0] for row in rows} == set(LOGINS)
        assert [row[0] for row in rows if any(row[1:])] == ["ops_backup"]
        assert [row[2] for row in rows if row[1]] == []

    def test_a_value_in_a_failing_statement_reaches_no_log(self, running: Stack) -> None:
        running = Stack.ensure(running.home.root, durable=False)
        with psycopg.connect(running.admin_url(), autocommit=True) as admin:
            with pytest.raises(psycopg.DataError):
                admin.execute("SELECT 'Erika Mustermann'::int")
            with pytest.raises(psycopg.DataError):
                admin.execute("SELECT %s::text::int", ["Max Mustermann"])
        assert "Mustermann" not in running.home.postgres_log.read_text()


class TestPlace:
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run Postgres as another user")
    def test_an_unreachable_home_makes_it_fall_back(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        home.parent.chmod(0o700)
        stack = Stack.ensure(home, durable=False)
        assert capsys.readouterr().err.count(f"User nobody cannot reach {home}: ") == 1
        assert Path(stack.postgres.data).parent.name.startswith("opsplane-")
        assert psutil.Process(stack.postgres.pid).username() == "nobody"
        stop(home, erase=True)
        assert not Path(stack.postgres.data).parent.exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run Postgres as another user")
    def test_unreachable_programs_are_copied(self, home: Path) -> None:
        hidden = home.parent / "environment"
        hidden.mkdir(mode=0o700)
        home.parent.chmod(0o700)
        for package in (_wheel(), _wheel().parent / f"{_wheel().name}.libs"):
            (hidden / package.name).symlink_to(package)
        said: list[str] = []
        place = find_place(home, None, said.append, hidden / _wheel().name)
        assert hidden not in place.programs.parents
        assert "runs from a copy" in said[-1]
        again = find_place(home, None, said.append, hidden / _wheel().name)
        assert again == place
        erase_data(home, place.data)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run Postgres as another user")
    def test_a_strangers_folder_among_the_temporary_files_is_not_used(
        self, home: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        home.parent.chmod(0o700)
        trap = _parents(home, None)[1]
        trap.symlink_to(tmp_path_factory.mktemp("strangers"))
        try:
            place = find_place(home, None, lambda _: None)
            assert place.data.parent != trap
            erase_data(home, place.data)
        finally:
            trap.unlink()


class TestUse:
    def test_a_database_is_created_copied_and_dropped(self, running: Stack) -> None:
        running = Stack.ensure(running.home.root, durable=False)
        running.create_database("first")
        # Closed at once: a template that somebody uses cannot be copied.
        with psycopg.connect(running.login_url("ops_migrator", "first")) as migrator:
            # pgvector is there already, which a duty login could not create.
            migrator.execute("CREATE EXTENSION IF NOT EXISTS vector")
            migrator.execute("CREATE TABLE item (embedding vector(3))")
        running.create_database("second", template="first")
        with psycopg.connect(running.login_url("ops_migrator", "second")) as migrator:
            assert migrator.execute("SELECT count(*) FROM item").fetchone() == (0,)
        for name in ("first", "second"):
            running.drop_database(name)
            assert not running.has_database(name)

    def test_storage_accounts_are_strangers_to_each_other(self, running: Stack) -> None:
        running = Stack.ensure(running.home.root, durable=False)
        assert len(running.storage_accounts) > 64
        one, other = (running.storage(name) for name in running.storage_accounts[:2])
        with BlobServiceClient.from_connection_string(one) as mine:
            mine.create_container("box").upload_blob("note", b"hello")
            assert mine.get_blob_client("box", "note").download_blob().readall() == b"hello"
        with BlobServiceClient.from_connection_string(other) as yours:
            assert list(yours.list_containers()) == []

    def test_the_command_line_says_what_runs(
        self, running: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        running = Stack.ensure(running.home.root, durable=False)
        assert main(["url", "--home", str(running.home.root)]) == 0
        assert capsys.readouterr().out.strip() == running.database_url()
        assert main(["status", "--json", "--home", str(running.home.root)]) == 0
        assert "18." in json.loads(capsys.readouterr().out)["postgres"]
        assert main(["status", "--home", str(tmp_path)]) == 1
        assert "make up" in capsys.readouterr().err

    def test_help_shows_examples(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["--help"])
        assert "python -m local.stack up" in capsys.readouterr().out


class TestFixtures:
    def test_the_shared_stack_serves_an_empty_account(self, storage: str) -> None:
        with BlobServiceClient.from_connection_string(storage) as blobs:
            assert list(blobs.list_containers()) == []
