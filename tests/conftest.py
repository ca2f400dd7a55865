"""Loads every `tests/support/fix_*.py` as a plugin; fixtures live there."""

from __future__ import annotations

from pathlib import Path

_SUPPORT = Path(__file__).parent / "support"

pytest_plugins = [f"tests.support.{path.stem}" for path in sorted(_SUPPORT.glob("fix_*.py"))]
