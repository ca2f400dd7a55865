"""Loads every `tests/support/fix_*.py` as a plugin; fixtures live there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_SUPPORT = Path(__file__).parent / "support"

pytest_plugins = [f"tests.support.{path.stem}" for path in sorted(_SUPPORT.glob("fix_*.py"))]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured and a person wants to read, such as recovery times."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")
