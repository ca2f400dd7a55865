"""Three messy sources of real findings, each through its mapping file, as one contract."""

from __future__ import annotations

import gzip
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest

from local.environment import PROJECT
from tests.support.fix_plane import Plane
from tests.support.sending import Sender

MAPPINGS = PROJECT / "docs" / "examples" / "mappings"
CONTRACT = "finding.v1"

SOURCES = {
    "scubagear": "sec_scubagear_m365/dev/findings_dev.jsonl",
    "maester-entra": "sec_maester_entra_ad/dev/entra_findings_2025-04-30.jsonl",
    "maester-ad": "sec_maester_entra_ad/dev/ad_findings_dev.jsonl",
    "dashlord": "sec_dashlord_timeseries/dev/findings_dev.jsonl.gz",
}
"""Mapping to source; the sources lie beside the project and are no part of it."""

EVENTS = {
    # One run of three publications; (moment, control) names an observation.
    "scubagear": ("observed_at", "control_id"),
    "maester-entra": ("observed_at", "test_id"),
    "maester-ad": ("observed_at", "test_id"),
    "dashlord": ("tenant", "observed_at", "tool", "check_id", "title", "severity"),
}


def rows(file: Path) -> list[dict[str, Any]]:
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [orjson.loads(line) for line in raw.splitlines()]


@pytest.fixture
def sender(plane: Plane, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Sender:
    tenant = f"findings-{uuid.uuid4().hex[:8]}"
    plane.add_tenant(tenant, CONTRACT)
    return Sender(plane, tenant, tmp_path / "state", capsys)


@pytest.mark.parametrize("source", SOURCES)
def test_a_messy_source_goes_in_as_findings_and_again_as_duplicates(
    source: str, sender: Sender, shared_data: Path
) -> None:
    file = shared_data / SOURCES[source]
    mapping = ("--map", str(MAPPINGS / f"{source}.yaml"))
    found = rows(file)
    events = {tuple(row[name] for name in EVENTS[source]) for row in found}

    first = sender.send(file, CONTRACT, *mapping)

    assert (first["admitted"], first["duplicates"]) == (len(events), len(found) - len(events))
    again = sender.send(file, CONTRACT, *mapping, "--restart")
    assert (again["admitted"], again["duplicates"]) == (0, len(found))
    assert (first["refused"], again["refused"]) == (0, 0)


def test_a_run_that_was_published_three_times_is_counted_once(
    sender: Sender, shared_data: Path, tmp_path: Path
) -> None:
    """The publications of 2025-02-12, one after the other, as they would have been delivered."""
    by_commit: dict[str, list[dict[str, Any]]] = {}
    for row in rows(shared_data / SOURCES["scubagear"]):
        if row["observed_at"].startswith("2025-02-12"):
            by_commit.setdefault(row["published_commit"], []).append(row)
    assert len(by_commit) == 3
    admitted, controls = 0, set()
    for commit, published in by_commit.items():
        file = tmp_path / f"{commit}.ndjson"
        file.write_bytes(b"\n".join(map(orjson.dumps, published)))
        told = sender.send(file, CONTRACT, "--map", str(MAPPINGS / "scubagear.yaml"))
        admitted += told["admitted"]
        controls |= {row["control_id"] for row in published}
    assert admitted == len(controls)
