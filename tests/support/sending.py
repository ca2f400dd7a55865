"""The command line as an intake service uses it, against a running app."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.cli.main import main
from tests.support.fix_plane import Plane

if TYPE_CHECKING:
    import pytest


@dataclass
class Sender:
    """Sends files for one tenant; journals and receipts lie in a folder of its own."""

    plane: Plane
    tenant: str
    state: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def variables(self) -> dict[str, str]:
        """All that an intake machine has."""
        return {
            "OPS_INGEST_URL": self.plane.url,
            "OPS_INGEST_TENANT": self.plane.tenants[self.tenant],
            "OPS_INGEST_TOKEN": self.plane.token,
        }

    def send(self, file: Path, contract: str, *more: str, code: int = 0) -> dict[str, Any]:
        """Run ``opsplane ingest send`` and return its document."""
        words = ["ingest", "send", str(file), "--contract", contract, "--state", str(self.state)]
        done = main([*words, *more, "--json"], self.variables)
        out, err = self.capsys.readouterr()
        assert (done, err) == (code, ""), out
        found: dict[str, Any] = json.loads(out)
        return found
