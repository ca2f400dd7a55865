"""The entry: help, usage, exit codes, speed, interruption."""

from __future__ import annotations

import argparse
import resource
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.stack import Stack
from shared.cli import problems
from shared.cli.commands import Parser
from shared.cli.main import main, parser
from shared.kernel.migrate import _LOCK
from tests.support.fix_db import settings_for

OPSPLANE = Path(sys.executable).with_name("opsplane")


def commands(root: argparse.ArgumentParser) -> Iterator[Parser]:
    """Every command below a parser."""
    below = [
        action.choices.values()
        for action in root._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    if not below:
        yield root
    for choices in below:
        for choice in choices:
            yield from commands(choice)


ALL = {command.prog: command for command in commands(parser())}


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_an_example_that_it_accepts(name: str) -> None:
    example = ALL[name].epilog.partition("example:\n")[2].strip().splitlines()[0]

    assert example.startswith(f"{name}")
    assert parser().parse_args(shlex.split(example)[1:]).run


@pytest.mark.parametrize("name", ALL)
def test_every_command_can_speak_json(name: str) -> None:
    assert "--json" in ALL[name].format_help()


@pytest.mark.parametrize("name", ALL)
def test_no_command_takes_an_identity_from_a_flag(name: str) -> None:
    """002-R6, 002-R8: the caller comes from a credential; no flag holds one, or claims one."""
    flags = {flag for action in ALL[name]._actions for flag in action.option_strings}

    assert not flags & {"--as", "--actor", "--user", "--token", "--api-key", "--password"}


def test_help_tells_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())

    for code, meaning in problems.EXIT_CODES.items():
        assert f"{code} {meaning}" in shown


@pytest.mark.parametrize(
    "words", [[], ["tenant"], ["tenant", "create"], ["nonsense"], ["db", "migrate", "--dry"]]
)
def test_a_command_line_that_cannot_be_read_is_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words, {}) == problems.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "code: cli.usage" in err
    assert "usage: opsplane" in err


def test_a_defect_is_told_by_type_and_place_and_not_by_its_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """000-R20: an unforeseen error's message may hold values, so it is not printed."""

    def broken() -> None:
        raise TypeError("Wilhelmine Quastenflosser")

    monkeypatch.setattr("shared.ingest.contracts.shipped", broken)
    assert main(["contract", "list"], {}) == problems.FAILED
    err = capsys.readouterr().err
    assert "TypeError at cli/test_entry.py" in err
    assert "Quastenflosser" not in err


class TestProgram:
    """The installed program, as a process of its own."""

    def test_help_imports_neither_drivers_nor_sdks(self) -> None:
        code = (
            "import sys; from shared.cli.main import main; main(['--help']);"
            "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert not set(done.stderr.split()) & {"psycopg", "azure", "orjson", "jwt", "pydantic"}

    def test_help_takes_less_than_150_milliseconds_of_processor(self) -> None:
        spent = []
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([OPSPLANE, "--help"], capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert min(spent) < 0.150

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["contract", "list"], problems.OK),
            (["contract"], problems.USAGE),
            (["settings", "check"], problems.INVALID),
            (["contract", "show", "nothing.v1"], problems.MISSING),
        ],
    )
    def test_exit_codes_reach_the_shell(self, words: list[str], code: int) -> None:
        done = subprocess.run([OPSPLANE, *words], capture_output=True, env={}, check=False)
        assert done.returncode == code
        assert b"Traceback" not in done.stderr

    def test_a_reader_that_leaves_early_is_no_error_to_look_at(self) -> None:
        done = subprocess.run(
            ["sh", "-c", f"{shlex.quote(str(OPSPLANE))} contract show repair-order.v2 | true"],
            capture_output=True,
            check=False,
        )
        assert done.stderr == b""

    def test_ctrl_c_is_130_without_a_traceback(
        self, stack: Stack, database: str, tmp_path: Path
    ) -> None:
        with psycopg.connect(stack.login_url("ops_migrator", database), autocommit=True) as other:
            # Another runner holds the lock, so this one waits: a good moment to lose patience.
            other.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            with subprocess.Popen(
                [OPSPLANE, "db", "migrate"],
                env=settings_for(stack, database, tmp_path),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as waiting:
                while not other.execute(
                    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = %s)",
                    (database,),
                ).fetchall():
                    assert waiting.poll() is None
                waiting.send_signal(signal.SIGINT)
                _, err = waiting.communicate(timeout=20)
        assert (waiting.returncode, err) == (problems.INTERRUPTED, b"")
