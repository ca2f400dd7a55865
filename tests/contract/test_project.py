"""What the project promises about itself: targets, reasons, locks, sizes."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

TARGETS = {"help", "setup", "demo", "test", "up", "down", "lint", "bench", "docs"}
LOCKS = ("requirements", "requirements-dev", "bench/requirements")
LONGEST = 400


def _lines(name: str) -> list[str]:
    return (PROJECT / name).read_text(encoding="utf-8").splitlines()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class TestMakefile:
    def test_plain_make_lists_every_target_with_what_it_does(self) -> None:
        shown = subprocess.run(
            ["make", "--no-print-directory"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        listed = dict(re.findall(r"^  make (\w+) +(\S.*)$", shown, flags=re.MULTILINE))
        declared = {name for line in _lines("Makefile") for name in re.findall(r"^([a-z]+):", line)}
        assert listed.keys() == declared >= TARGETS

    def test_ci_runs_what_the_readme_says(self) -> None:
        assert "make test" in (PROJECT / ".ci" / "run").read_text()
        assert "make test" in (PROJECT / "README.md").read_text()


class TestReasons:
    def test_every_rule_that_is_off_says_why(self) -> None:
        silent = [
            line.strip()
            for line in _lines("pyproject.toml")
            if re.match(r'\s+"[A-Z]+[0-9]*",', line) and not re.search(r"# \S+ \S+", line)
        ]
        assert silent == []

    def test_every_rule_is_on_unless_said_otherwise(self) -> None:
        settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
        assert settings["tool"]["ruff"]["lint"]["select"] == ["ALL"]
        assert settings["tool"]["mypy"]["strict"] is True
        assert settings["tool"]["pytest"]["ini_options"]["filterwarnings"] == ["error"]

    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_dependency_is_named_once(self, lock: str) -> None:
        names = _named(lock)
        assert len(names) == len(set(names))


class TestLocks:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_input_is_pinned_with_a_hash(self, lock: str) -> None:
        pinned = _pinned(lock)
        assert set(_named(lock)) <= pinned.keys()
        text = (PROJECT / f"{lock}.txt").read_text()
        pins = re.findall(r"^\S+==\S+.*\\\n    --hash=sha256:", text, flags=re.MULTILINE)
        assert len(pins) == len(pinned)

    def test_tests_run_what_azure_runs(self) -> None:
        runtime, development = _pinned("requirements"), _pinned("requirements-dev")
        assert runtime.items() <= development.items()

    def test_no_lock_names_a_registry(self) -> None:
        """A lock made behind a mirror must install without it, and the other way round."""
        for lock in LOCKS:
            assert "://" not in (PROJECT / f"{lock}.txt").read_text()
        packages = json.loads((PROJECT / "local/stack/package-lock.json").read_text())["packages"]
        locked = [package for name, package in packages.items() if name]
        assert not [package for package in locked if "resolved" in package]
        assert not [package for package in locked if "integrity" not in package]


class TestSizes:
    def test_no_module_is_longer_than_a_reader_can_hold(self) -> None:
        modules = [
            path
            for folder in ("functions", "shared", "local")
            for path in (PROJECT / folder).rglob("*.py")
        ]
        long = [
            f"{path.relative_to(PROJECT)}: {count}"
            for path in modules
            if (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
        ]
        assert long == []


def _named(lock: str) -> list[str]:
    """Return the names in a lock's input, without those it includes."""
    found = (re.match(r"[A-Za-z0-9][\w.-]*", line) for line in _lines(f"{lock}.in"))
    return [_normal(match.group()) for match in found if match]


def _pinned(lock: str) -> dict[str, str]:
    found = (re.match(r"([\w.-]+)==([^\s;]+)", line) for line in _lines(f"{lock}.txt"))
    return {_normal(match[1]): match[2] for match in found if match}
