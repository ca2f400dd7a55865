"""`python -m local.lint`: every check of the code, two at a time, one line each.

A check that passes says only how long it took; one that fails says everything.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[1]
_TOOLS = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Check:
    """One command; `speaks` if what it prints matters when it passes, too."""

    name: str
    command: tuple[str, ...]
    speaks: bool = False


def _tool(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(_TOOLS / name), *arguments)


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


# The slowest first, so that the others fill the second place beside it.
CHECKS = (
    Check("types", _tool("mypy")),
    Check("style", _tool("ruff", "check", "--quiet", ".")),
    Check("format", _tool("ruff", "format", "--check", "--quiet", ".")),
    Check("imports", _tool("lint-imports")),
    Check(
        "weaknesses",
        _tool(
            *("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive"),
            *("functions", "shared", "local", "bench", "function_app.py"),
        ),
    ),
    Check("vulnerabilities", _module("local.audit"), speaks=True),
    Check("secrets", _module("local.secret_scan")),
)


def main() -> int:
    with ThreadPoolExecutor(2) as workers:
        passed = list(workers.map(_run, CHECKS))
    return int(not all(passed))


def _run(check: Check) -> bool:
    began = time.monotonic()
    done = subprocess.run(check.command, cwd=_PROJECT, capture_output=True, text=True, check=False)
    lines = [f"{check.name:<16} {'ok' if done.returncode == 0 else 'FAILED':<7}"]
    lines[0] += f"{time.monotonic() - began:5.1f} s"
    if done.returncode:
        lines.append((done.stdout + done.stderr).strip())
    elif check.speaks:
        lines[0] += f"  {done.stdout.strip()}"
    # One call, so that two checks that end together do not mix their lines.
    print("\n".join(lines), flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
