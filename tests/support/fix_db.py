"""Databases for tests: one migrated template per worker, a clone for every test that asks.

`world` is a whole environment in a clone: initialised, policy active, with services over memory
blobs, a stepping clock and predictable ids.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from local.environment import activate_policy
from local.stack import Stack
from shared.adapters.blobs import MemoryBlobs
from shared.adapters.queues import MemoryQueues
from shared.bootstrap import Ports, Services, build
from shared.identity.authority import as_producer
from shared.identity.roles import GRANTS, Role
from shared.ingest.answers import Answer
from shared.ingest.contracts import shipped
from shared.ingest.gate import Submission
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.clock import SteppingClock
from shared.kernel.db import Login
from shared.kernel.ids import TenantId
from shared.kernel.migrate import migrate
from shared.lifecycle.initialise import initialise

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
OWNER = "00000000-0000-4000-8000-00000000000a"
APPROVER = "00000000-0000-4000-8000-00000000000e"
PRODUCER = "00000000-0000-4000-8000-00000000000b"
EVERYTHING = frozenset[str]().union(*GRANTS.values())


@pytest.fixture(scope="session")
def template(stack: Stack) -> Iterator[str]:
    """A migrated, empty database that tests are cloned from."""
    name = f"template_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    stack.create_database(name)
    migrate(stack.login_url("ops_migrator", name))
    yield name
    stack.drop_database(name)


@pytest.fixture
def database(stack: Stack, template: str) -> Iterator[str]:
    """The name of a fresh clone of the template."""
    name = f"test_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    stack.create_database(name, template=template)
    yield name
    stack.drop_database(name)


def settings_for(stack: Stack, name: str, folder: Path, **more: str) -> dict[str, str]:
    """The environment variables of an app on this database."""
    return {
        "OPS_ENVIRONMENT": "local_parity",
        "OPS_DATABASE_URL": stack.database_url(name),
        "AzureWebJobsStorage": stack.storage(),
        "INGEST_AAD_AUDIENCE": "api://opsplane-ingest",
        "OPS_OPERATOR_AUDIENCE": "api://opsplane-operators",
        "INGEST_ALLOWED_CALLER_OBJECT_IDS": PRODUCER,
        "OPS_ALLOWED_OPERATOR_OBJECT_IDS": f"{OWNER},{APPROVER}",
        "OPS_KEYS_PATH": str(folder / "keys"),
        **more,
    }


@dataclass
class World:
    """One environment, from the inside."""

    services: Services
    stack: Stack
    database: str
    clock: SteppingClock
    blobs: MemoryBlobs
    queues: MemoryQueues
    tenants: dict[str, TenantId] = field(default_factory=dict)

    def operator(self, permissions: frozenset[str] = EVERYTHING) -> Call:
        """A call of an operator who may do everything."""
        return self.services.call(Actor(SourceType.HUMAN, OWNER, AuthMode.TOKEN, permissions))

    def approver(self, permissions: frozenset[str] = GRANTS[Role.SECURITY_OFFICER]) -> Call:
        """A call of the second person, a security officer."""
        return self.services.call(Actor(SourceType.HUMAN, APPROVER, AuthMode.TOKEN, permissions))

    def activate_policy(self) -> None:
        """Put the policy of the release in force: the owner asks, the second person approves."""
        activate_policy(self.services, self.operator(), APPROVER)

    def producer(self, tenant: str = "north") -> Call:
        """A call of the granted producer inside a tenant."""
        return self.services.call(
            as_producer(Actor(SourceType.SYSTEM, PRODUCER, AuthMode.TOKEN)),
            tenant_id=self.tenants.get(tenant, TenantId(tenant)),
        )

    def add_tenant(self, name: str, *contracts: str) -> TenantId:
        """Create a tenant and let the producer post contracts for it."""
        provisioning = self.services.provisioning
        provisioning.create_group(self.operator(), "group")
        made = provisioning.create_tenant(self.operator(), name, "group")
        self.tenants[name] = TenantId(made.id)
        for contract in contracts:
            provisioning.grant_producer(self.operator(), PRODUCER, name, contract)
        return self.tenants[name]

    def submit(
        self,
        *records: dict[str, Any],
        tenant: str = "north",
        contract: str = "repair-order.v2",
        **changes: Any,
    ) -> Answer:
        """Post records as NDJSON (one as JSON) through the gate."""
        body = b"\n".join(orjson.dumps(record) for record in records)
        media = "application/json" if len(records) == 1 else "application/x-ndjson"
        wish = Submission(contract, media, body, self.services.policy.shipped)
        return self.services.gate.submit(self.producer(tenant), replace(wish, **changes))

    def connect(self, login: Login | str = "postgres") -> psycopg.Connection[Any]:
        """A bare connection as some login; ``postgres`` is the administrator."""
        url = (
            self.stack.admin_url(self.database)
            if login == "postgres"
            else self.stack.login_url(str(login), self.database)
        )
        return psycopg.connect(url, autocommit=True)

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """Rows as the administrator sees them."""
        with self.connect() as connection:
            return connection.execute(query, params).fetchall()


@pytest.fixture
def world(stack: Stack, database: str, tmp_path: Path) -> Iterator[World]:
    """An initialised environment with the tenants north and south."""
    with a_world(stack, database, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared_world(
    stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world that the tests of one module share: each uses names and object ids of its own."""
    name = f"shared_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    stack.create_database(name, template=template)
    with a_world(stack, name, tmp_path_factory.mktemp("world")) as made:
        yield made
    stack.drop_database(name)


@contextmanager
def a_world(stack: Stack, database: str, folder: Path) -> Iterator[World]:
    """Make an empty, migrated database an environment for as long as the block lasts."""
    clock, blobs, queues = SteppingClock(START), MemoryBlobs(), MemoryQueues()
    services = build(
        settings_for(stack, database, folder),
        Ports(clock=clock, blobs=blobs, queues=queues, background=False),
    )
    made = World(services, stack, database, clock, blobs, queues)
    try:
        ready(made)
        yield made
    finally:
        services.close()


def ready(world: World) -> None:
    """Initialise the environment and provision two tenants and a producer."""
    services = world.services
    operator = world.operator()
    migrator = services.database(Login.MIGRATOR)
    initialise(migrator, operator, services.ports.ids, "test", OWNER)
    world.activate_policy()
    services.provisioning.create_principal(operator, "service", PRODUCER, "intake")
    for name in ("north", "south"):
        world.add_tenant(name, *shipped())


__all__ = ["APPROVER", "EVERYTHING", "OWNER", "PRODUCER", "Role", "World", "ready", "settings_for"]
