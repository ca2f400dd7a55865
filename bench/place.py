"""Where benchmarks run: a database, an issuer and a provisioned tenant of their own."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from local.environment import INTAKE, OWNER, LocalEnvironment, activate_policy
from local.issuer import Issuer
from local.samples import orders
from local.stack import Stack
from shared.bootstrap import Ports, Services, build
from shared.identity.authority import as_producer
from shared.identity.roles import GRANTS
from shared.ingest.entrance import Submission
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.db import Login
from shared.kernel.ids import TenantId
from shared.kernel.migrate import migrate
from shared.lifecycle.initialise import initialise

CONTRACT = "repair-order.v2"
NDJSON = "application/x-ndjson"
_EVERYTHING = frozenset[str]().union(*GRANTS.values())
_PRODUCER = as_producer(Actor(SourceType.SYSTEM, INTAKE, AuthMode.TOKEN))
_SPARED = ("internal_comments", "qc_notes")
"""Optional texts that an order of about two kilobytes goes without."""


@dataclass(frozen=True)
class Place:
    """An environment that is ready for records."""

    stack: Stack
    environment: LocalEnvironment
    services: Services
    tenant_id: TenantId

    @property
    def admin_url(self) -> str:
        """How the administrator connects."""
        return self.stack.admin_url(self.environment.database)

    def call(self) -> Call:
        """A call of the producer inside the tenant."""
        return self.services.call(_PRODUCER, tenant_id=self.tenant_id)

    def submit(self, body: bytes, media_type: str = NDJSON) -> None:
        """Send one request through the gate, in process."""
        wish = Submission(CONTRACT, media_type, body, self.services.policy.shipped)
        self.services.gate.submit(self.call(), wish)


@contextmanager
def place(ports: Ports | None = None) -> Iterator[Place]:
    """Make a database with one tenant, and drop it at the end."""
    stack = Stack.ensure()
    name = f"bench_{os.getpid()}"
    stack.create_database(name)
    try:
        migrate(stack.login_url("ops_migrator", name))
        with tempfile.TemporaryDirectory() as folder, Issuer.start(Path(folder)) as issuer:
            environment = LocalEnvironment(stack, issuer, name, Path(folder), stack.storage())
            services = build(environment.settings(), ports or Ports())
            try:
                yield Place(stack, environment, services, _provision(services))
            finally:
                services.documents.settle()
                services.close()
    finally:
        stack.drop_database(name)


def _provision(services: Services) -> TenantId:
    def call(person: str) -> Call:
        return services.call(Actor(SourceType.HUMAN, person, AuthMode.TOKEN, _EVERYTHING))

    migrator = services.database(Login.MIGRATOR)
    initialise(migrator, call(OWNER), services.ports.ids, "bench", OWNER)
    activate_policy(services, call(OWNER))
    provisioning = services.provisioning
    provisioning.create_group(call(OWNER), "bench")
    provisioning.create_principal(call(OWNER), "service", INTAKE, "bench")
    tenant = provisioning.create_tenant(call(OWNER), "bench", "bench")
    provisioning.grant_producer(call(OWNER), INTAKE, "bench", CONTRACT)
    return TenantId(tenant.id)


def small_orders(count: int, seed: int = 7) -> list[bytes]:
    """Return orders of about two kilobytes: one line of labour, two notes fewer."""
    one_line = (
        {name: value for name, value in order.items() if name not in _SPARED}
        for order in orders(count * 5, seed, "bench")
        if len(order["labor_lines"]) == 1
    )
    return [orjson.dumps(order) for order in islice(one_line, count)]


def told(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the one last line of JSON, if it was asked for."""
    if as_json:
        print(json.dumps(result))
