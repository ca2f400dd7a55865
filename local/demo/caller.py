"""The caller: posts over HTTP on a kept connection, with a token of a managed identity."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
from azure.identity import ManagedIdentityCredential

from local.environment import INGEST_AUDIENCE, INTAKE
from local.issuer import Issuer
from local.samples import CONTRACT

NDJSON = "application/x-ndjson"
_TIMEOUT = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the app."""

    status: int
    body: bytes = field(repr=False)
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def code(self) -> str:
        return str(self.document.get("code", ""))


class Caller:
    """One connection to the app; leaving the `with` block closes it."""

    def __init__(self, url: str, token: str, policy_rev: str = "") -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT)
        self._token = token
        self.policy_rev = policy_rev

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def post(
        self, tenant: str, body: bytes | Iterable[bytes], changes: Mapping[str, str | None] = {}
    ) -> Reply:
        """Post records; `changes` replaces headers, and `None` leaves one out."""
        headers: dict[str, str | None] = {
            "Ops-Policy-Rev": self.policy_rev,
            "Content-Type": NDJSON,
            **changes,
        }
        return self._ask("POST", f"/v1/ingest/{CONTRACT}", tenant, body, headers)

    def get(self, path: str, tenant: str = "") -> Reply:
        return self._ask("GET", path, tenant, None, {})

    def _ask(
        self,
        method: str,
        path: str,
        tenant: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str | None],
    ) -> Reply:
        wish = {"Authorization": f"Bearer {self._token}", "Ops-Tenant": tenant or None, **headers}
        sent = {name: value for name, value in wish.items() if value is not None}
        started = time.monotonic()
        self._connection.request(method, path, body, sent)
        response = self._connection.getresponse()
        return Reply(response.status, response.read(), time.monotonic() - started)


def ndjson(orders: Iterable[Mapping[str, Any]]) -> bytes:
    return b"\n".join(orjson.dumps(order) for order in orders)


def managed_identity_token(issuer: Issuer) -> str:
    """Get a token as a function app in Azure does: from its identity endpoint, with no secret."""
    # The local endpoint is no matter for a proxy.
    with (
        _variables({**issuer.identity_settings(), "NO_PROXY": "127.0.0.1"}),
        ManagedIdentityCredential(client_id=INTAKE) as credential,
    ):
        return str(credential.get_token(f"{INGEST_AUDIENCE}/.default").token)


@contextmanager
def _variables(wish: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wish}
    os.environ.update(wish)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
