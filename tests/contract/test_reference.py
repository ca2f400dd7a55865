"""Documents are what the code says; every one that differs names the command that fixes it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions._served import served
from local.docs.__main__ import DATABASE_PAGES, FIX, PAGES, REFERENCE, difference, main
from local.docs.reading import PROJECT, modules
from local.docs.records import reason_codes
from local.stack import Stack
from shared.kernel.errors import catalogue
from shared.kernel.settings import Settings


@pytest.mark.parametrize("path", PAGES)
def test_a_generated_document_is_what_the_code_says(path: str) -> None:
    found = difference(path, PAGES[path]())
    assert not found, f"To fix it: {FIX}\n{found}"


@pytest.mark.parametrize("path", DATABASE_PAGES)
def test_a_document_about_the_database_is_what_the_migrations_make(
    path: str, stack: Stack, template: str
) -> None:
    found = difference(path, DATABASE_PAGES[path](stack, template))
    assert not found, f"To fix it: {FIX}\n{found}"


def test_making_a_document_twice_gives_the_same_bytes() -> None:
    assert [PAGES[path]() for path in PAGES] == [PAGES[path]() for path in PAGES]


def test_no_reference_page_is_left_over() -> None:
    made = {path for path in (*PAGES, *DATABASE_PAGES) if path.startswith(REFERENCE)}
    there = {f"{REFERENCE}/{file.name}" for file in (PROJECT / REFERENCE).iterdir()}
    assert there == made


def test_the_sample_settings_start_an_app() -> None:
    """003-R11: whoever copies the sample has a configuration without a contradiction."""
    sample = json.loads((PROJECT / "local.settings.sample.json").read_text())
    assert sample["Values"]["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert Settings.from_env(sample["Values"]).environment == "local_parity"


def test_every_reason_code_in_the_gate_is_documented() -> None:
    """A code that is written into an `Item` is part of the interface."""
    said = {
        call.args[1].value
        for file in (PROJECT / "shared" / "ingest").glob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("Item", "_item")
        and len(call.args) > 1
        and isinstance(call.args[1], ast.Constant)
    }
    assert said
    assert said <= reason_codes().keys()


def test_every_function_of_the_app_has_a_sentence() -> None:
    assert [found.function for found in served() if not found.summary.endswith(".")] == []


@pytest.mark.parametrize(
    "page", sorted(str(page.relative_to(PROJECT)) for page in PROJECT.glob("docs/**/*.md"))
)
def test_a_page_points_only_at_what_is_there(page: str) -> None:
    """Links, and paths of the project in code spans, such as `shared/kernel/db.py`."""
    text = (PROJECT / page).read_text()
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert [link for link in links if not ((PROJECT / page).parent / link).exists()] == []
    paths = re.findall(r"`((?:functions|shared|local|tests|docs|bench)/[\w./-]+)`", text)
    assert [path for path in paths if not (PROJECT / path).exists()] == []


def test_drawn_states_are_those_that_the_database_knows() -> None:
    """A section of state-machines.md that names a constraint draws exactly its values."""
    schema = (PROJECT / "shared/migrations/schema.sql").read_text()
    known = {
        name: set(re.findall(r"'(\w+)'::text", values))
        for name, values in re.findall(r"CONSTRAINT (\w+_known) CHECK \((.*)\)", schema)
    }
    compared = set()
    for section in (PROJECT / "docs/state-machines.md").read_text().split("\n## ")[1:]:
        named = re.search(r"constraint\s+is\s+`(\w+)`", section)
        if named:
            arrows = re.findall(r"^ +(\S+) --> (\w+|\[\*\])", section, re.MULTILINE)
            drawn = {state for arrow in arrows for state in arrow} - {"[*]"}
            assert (named[1], drawn) == (named[1], known[named[1]])
            compared.add(named[1])
    assert compared == {name for name in known if name.endswith(("_status_known", "_state_known"))}


PROSE = sorted(
    str(page.relative_to(PROJECT))
    for page in (*PROJECT.glob("docs/*.md"), *PROJECT.glob("docs/decisions/*.md"))
)


@pytest.mark.parametrize("page", PROSE)
def test_prose_names_only_codes_and_commands_that_exist(page: str) -> None:
    modules()
    text = (PROJECT / page).read_text()
    codes = set(
        re.findall(r"[`\"/]((?:db|identity|ingest|pii|policy)\.(?!py\b)[a-z_]+)[`\"]", text)
    )
    assert codes <= catalogue().keys()
    found = re.findall(r"\"code\": \"([a-z_]+)\"", text)
    assert set(found) <= reason_codes().keys()
    helps = PAGES[f"{REFERENCE}/cli.md"]()
    commands = set(re.findall(r"\bopsplane (?:[a-z]+ )?[a-z]+\b", text))
    assert [c for c in commands if f"# {c}\n" not in helps] == []


def test_a_stale_document_fails_the_check_and_says_what_to_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def made() -> Iterator[tuple[str, str]]:
        yield "docs/reference/x.md", "new\n"

    monkeypatch.setattr("local.docs.__main__._made", made)
    monkeypatch.setattr("local.docs.__main__.PROJECT", tmp_path)
    monkeypatch.setattr("sys.argv", ["docs", "check"])
    assert main() == 1
    shown = capsys.readouterr().out
    assert "+new" in shown
    assert FIX in shown
    monkeypatch.setattr("sys.argv", ["docs", "write"])
    assert main() == 0
    monkeypatch.setattr("sys.argv", ["docs", "check"])
    assert main() == 0
