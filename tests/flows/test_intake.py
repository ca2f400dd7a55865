"""The example intake function on the local host, between Azurite and the real app.

000-R12: it gets its token from its managed identity and holds no secret.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import psycopg
import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.environment import INGEST_AUDIENCE, INTAKE, PROJECT
from local.host import RunningHost, launch
from tests.support.factories import an_order
from tests.support.fix_plane import Plane

EXAMPLE = PROJECT / "docs" / "examples" / "intake"
CONTRACT = "repair-order.v2"
POISON = "webjobs-blobtrigger-poison"


@dataclass
class Uploads:
    """A tenant, a container that its files land in, and the app that takes them from there."""

    plane: Plane
    tenant: str
    storage: str
    logs: Path

    def settings(self) -> dict[str, str]:
        """All settings of the example app; the two connection strings are the emulator's."""
        return {
            "AzureWebJobsStorage": self.storage,
            "IntakeStorage": self.storage,
            "OPS_INGEST_URL": self.plane.url,
            "INGEST_AAD_AUDIENCE": INGEST_AUDIENCE,
            "INTAKE_TENANT": self.plane.tenants[self.tenant],
            "INTAKE_CONTRACT": CONTRACT,
            "INTAKE_PATH": "uploads/{name}.ndjson",
            "AZURE_CLIENT_ID": INTAKE,
        }

    def host(self, **changes: str) -> RunningHost:
        # What the platform adds in Azure: where the identity's tokens are.
        platform = self.plane.environment.issuer.identity_settings()
        return launch(EXAMPLE, {**self.settings(), **platform, **changes}, logs=self.logs)

    def upload(self, name: str, content: bytes) -> None:
        with BlobServiceClient.from_connection_string(self.storage) as service:
            container = service.get_container_client("uploads")
            if not container.exists():
                container.create_container()
            container.upload_blob(name, content, overwrite=True)

    def poison(self) -> int:
        with QueueServiceClient.from_connection_string(self.storage) as service:
            names = [queue.name for queue in service.list_queues()]
            if POISON not in names:
                return 0
            return len(service.get_queue_client(POISON).peek_messages(5))

    def decisions(self) -> list[tuple[int, int]]:
        """Per request of the tenant: how many were admitted, how many known before."""
        environment = self.plane.environment
        with psycopg.connect(environment.stack.admin_url(environment.database)) as connection:
            found = connection.execute(
                "SELECT body FROM ops.fact WHERE name = 'ingest:request:decided'"
                " AND tenant_id = %s ORDER BY seq",
                (self.plane.tenants[self.tenant],),
            ).fetchall()
        facts = [orjson.loads(body)["attributes"] for (body,) in found]
        return [(fact["admitted"], fact["duplicates"]) for fact in facts]


@pytest.fixture
def uploads(plane: Plane, storage: str, tmp_path: Path) -> Uploads:
    tenant = f"uploads-{uuid.uuid4().hex[:8]}"
    plane.add_tenant(tenant, CONTRACT)
    return Uploads(plane, tenant, storage, tmp_path / "host.log")


def eventually(check: Callable[[], object], uploads: Uploads, within: float = 40.0) -> None:
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, uploads.logs.read_text()[-3000:]
        time.sleep(0.05)


def orders(count: int, first: int = 1) -> bytes:
    return b"\n".join(orjson.dumps(an_order(number)) for number in range(first, first + count))


def test_an_uploaded_file_is_in_once_and_again_as_duplicates(uploads: Uploads) -> None:
    uploads.upload("monday.ndjson", orders(600))
    uploads.upload("monday.csv", b"not this one")
    with uploads.host():
        eventually(lambda: len(uploads.decisions()) == 2, uploads)
    assert uploads.decisions() == [(500, 0), (100, 0)]

    # A host that starts again does not run what it has run; the same content again is known.
    uploads.upload("monday.ndjson", orders(600))
    with uploads.host():
        eventually(lambda: len(uploads.decisions()) == 4, uploads)
    assert uploads.decisions()[2:] == [(0, 500), (0, 100)]
    assert uploads.poison() == 0


def test_a_file_that_breaks_the_contract_is_poison_and_nothing_of_it_is_in(
    uploads: Uploads,
) -> None:
    broken = orjson.dumps(an_order(2, vehicle_year="Quastenflosser"))
    uploads.upload("broken.ndjson", orders(1) + b"\n" + broken)
    with uploads.host():
        eventually(uploads.poison, uploads)
    assert uploads.decisions() == []
    logged = uploads.logs.read_text()
    assert "ingest.records_refused" in logged
    assert "Quastenflosser" not in logged


def test_a_gate_that_is_away_for_a_moment_costs_nothing(uploads: Uploads) -> None:
    """Every try finds nobody, so the host runs the file again until it is poison, unharmed."""
    uploads.upload("monday.ndjson", orders(3))
    with uploads.host(OPS_INGEST_URL="http://127.0.0.1:9", INTAKE_TRIES="1"):
        eventually(uploads.poison, uploads)
    assert uploads.decisions() == []
    uploads.upload("monday.ndjson", orders(3))
    with uploads.host():
        eventually(uploads.decisions, uploads)
    assert uploads.decisions() == [(3, 0)]


def test_the_example_holds_no_secret(uploads: Uploads) -> None:
    """000-R12: no setting is a credential, and the code reads none."""
    source = (EXAMPLE / "function_app.py").read_text()
    for word in ("API_KEY", "TOKEN", "SECRET", "PASSWORD", "SharedAccess", "AccountKey"):
        assert f'"{word}' not in source
        assert f"_{word}" not in source
    storage = {"AzureWebJobsStorage", "IntakeStorage"}
    values = {name: value for name, value in uploads.settings().items() if name not in storage}
    assert not any(uploads.plane.token in value for value in values.values())
    documented = (EXAMPLE / "README.md").read_text()
    assert [name for name in values if f"`{name}`" not in documented] == []
