"""Documents are what the code says; every one that differs names the command that fixes it."""

from __future__ import annotations

import ast
import json
import re

import pytest

from functions._served import served
from local.docs.__main__ import DATABASE_PAGES, FIX, PAGES, REFERENCE, difference
from local.docs.reading import PROJECT
from local.docs.records import reason_codes
from local.stack import Stack
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
