"""The app as a caller meets it: the Functions host, the local issuer, Postgres and Azurite.

`plane` is shared by the tests of one module; a test that changes what others see makes a tenant
of its own.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from local.environment import INTAKE, OWNER, LocalEnvironment, activate_policy
from local.host import RunningHost
from local.issuer import Issuer
from local.stack import Stack
from shared.bootstrap import Services, build
from shared.ingest.contracts import shipped
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.db import Login
from shared.kernel.ids import TenantId
from shared.lifecycle.initialise import initialise
from tests.support.fix_db import EVERYTHING

CONTRACTS = tuple(shipped())


@dataclass
class Plane:
    """A running app and the means to call it."""

    environment: LocalEnvironment
    services: Services
    host: RunningHost | None = None
    session: requests.Session = field(default_factory=requests.Session)
    tenants: dict[str, TenantId] = field(default_factory=dict)
    token: str = ""

    @property
    def url(self) -> str:
        """Where the host listens."""
        assert self.host is not None
        return self.host.url

    def operator(self) -> Call:
        """A call of the owner, with every permission."""
        actor = Actor(SourceType.HUMAN, OWNER, AuthMode.TOKEN, EVERYTHING)
        return self.services.call(actor)

    def add_tenant(self, name: str, *contracts: str) -> TenantId:
        """Create a tenant and let the intake service post contracts for it."""
        provisioning = self.services.provisioning
        provisioning.create_group(self.operator(), "group")
        made = provisioning.create_tenant(self.operator(), name, "group")
        for contract in contracts or CONTRACTS:
            provisioning.grant_producer(self.operator(), INTAKE, name, contract)
        self.tenants[name] = TenantId(made.id)
        return self.tenants[name]

    def headers(self, tenant: str | None = "north", **more: str) -> dict[str, str]:
        """The headers of a well-behaved producer."""
        found = {
            "Authorization": f"Bearer {self.token}",
            "Ops-Policy-Rev": self.services.policy.shipped,
            "Content-Type": "application/json",
        }
        if tenant is not None:
            found["Ops-Tenant"] = self.tenants.get(tenant, TenantId(tenant))
        return {**found, **more}

    def post(
        self,
        *records: Any,
        tenant: str | None = "north",
        contract: str = "repair-order.v2",
        body: bytes | None = None,
        **headers: str,
    ) -> requests.Response:
        """Post records: one as JSON, several as NDJSON."""
        sent = self.headers(tenant, **{k.replace("_", "-"): v for k, v in headers.items()})
        if body is None:
            body = b"\n".join(orjson.dumps(record) for record in records)
            if len(records) > 1:
                sent["Content-Type"] = "application/x-ndjson"
        return self.session.post(
            f"{self.url}/v1/ingest/{contract}", data=body, headers=sent, timeout=60
        )

    def get(self, path: str, tenant: str | None = "north", **headers: str) -> requests.Response:
        """Get a path as the producer."""
        return self.session.get(
            self.url + path, headers=self.headers(tenant, **headers), timeout=60
        )


def make_plane(stack: Stack, template: str, folder: Path, storage: str) -> Plane:
    """An initialised environment in a clone of the template, without a host yet."""
    name = f"plane_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    stack.create_database(name, template=template)
    issuer = Issuer.start(folder / "issuer")
    environment = LocalEnvironment(stack, issuer, name, folder, storage)
    services = build(environment.settings())
    plane = Plane(environment, services, token=environment.intake_token())
    operator = plane.operator()
    initialise(services.database(Login.MIGRATOR), operator, services.ports.ids, "local", OWNER)
    activate_policy(services, operator)
    services.provisioning.create_principal(operator, "service", INTAKE, "intake")
    for tenant in ("north", "south"):
        plane.add_tenant(tenant)
    return plane


def close_plane(plane: Plane) -> None:
    """Leave nothing behind."""
    plane.session.close()
    plane.services.close()
    plane.environment.issuer.stop()
    plane.environment.stack.drop_database(plane.environment.database)


@pytest.fixture(scope="module")
def plane(
    stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory, module_storage: str
) -> Iterator[Plane]:
    """A running app with the tenants north and south."""
    made = make_plane(stack, template, tmp_path_factory.mktemp("plane"), module_storage)
    try:
        with made.environment.host() as host:
            made.host = host
            yield made
    finally:
        close_plane(made)
