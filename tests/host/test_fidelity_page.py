"""docs/host-fidelity.md names tests; each must exist here."""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).parent


def test_every_test_named_on_the_page_exists():
    page = (_HERE.parents[1] / "docs" / "host-fidelity.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    sources = "".join(path.read_text(encoding="utf-8") for path in _HERE.glob("test_*.py"))
    defined = set(re.findall(r"^def (test_\w+)\(", sources, re.MULTILINE))
    assert len(named) > 50
    assert named - defined == set()
