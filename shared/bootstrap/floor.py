"""The floor: settings, ports, calls, databases and the adapters behind the ports."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from shared.kernel import log
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.clock import Clock, SystemClock
from shared.kernel.db import Database, Login, login_url
from shared.kernel.ids import CallId, IdSource, RandomIds, TenantId
from shared.kernel.ports import (
    BlobStore,
    QueueSender,
    SigningKeys,
    SilentTelemetry,
    Telemetry,
    TenantKeys,
)
from shared.kernel.settings import DatabaseCredential, Settings

if TYPE_CHECKING:
    from shared.kernel.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Ports:
    """Stand-ins for the world outside, for tests; what is ``None`` is built from settings."""

    clock: Clock = field(default_factory=SystemClock)
    ids: IdSource = field(default_factory=RandomIds)
    telemetry: Telemetry = field(default_factory=SilentTelemetry)
    blobs: BlobStore | None = None
    queues: QueueSender | None = None
    tenant_keys: TenantKeys | None = None
    signing_keys: SigningKeys | None = None
    background: bool = True
    """Whether receipt documents and refusals are written off the request; tests wait for them."""


class Floor:
    """What every room stands on, each part built when it is first asked for."""

    def __init__(self, settings: Settings, ports: Ports | None = None) -> None:
        """Remember settings and ports; builds nothing yet."""
        self.settings = settings
        self.ports = ports or Ports()
        self._databases: dict[Login, Database] = {}
        self._lock = threading.Lock()
        log.quieten_libraries()

    def close(self) -> None:
        """Write what waits and close every database connection."""
        if (denials := self.__dict__.get("denials")) is not None:
            denials.flush_quietly()
        for database in self._databases.values():
            database.close()

    # calls ----------------------------------------------------------------------------------------

    def call(
        self, actor: Actor, *, tenant_id: TenantId | None = None, traceparent: str = ""
    ) -> Call:
        """Return a new call of ``actor``, now, in this environment."""
        now = self.ports.clock.now()
        return Call(
            call_id=CallId(self.ports.ids.mint("cal", now)),
            actor=actor,
            now=now,
            environment=self.settings.environment.value,
            service_release_id=self.settings.service_release_id,
            traceparent=traceparent or new_traceparent(),
            tenant_id=tenant_id,
        )

    def timer_call(self) -> Call:
        """Return the call of a timer: a system actor with what reconcilers may do."""
        from shared.identity.roles import Role, permissions_of

        return self.call(
            Actor(
                SourceType.SYSTEM,
                "opsplane.timer",
                AuthMode.DATABASE_LOGIN,
                permissions_of([Role.RECONCILER]),
            )
        )

    # the floor ------------------------------------------------------------------------------------

    def database(self, login: Login) -> Database:
        """Return the database as one duty login sees it."""
        with self._lock:
            if login not in self._databases:
                self._databases[login] = Database(
                    self.settings.database_url,
                    login,
                    pool_max=self.settings.database_pool_max,
                    password=self._database_password(),
                )
            return self._databases[login]

    def login_url(self, login: Login) -> str:
        """Return how one duty login connects, for work that is no service call: migrations."""
        return login_url(self.settings.database_url, login, self._database_password())

    def operator_token(self) -> str:
        """Return a token of whoever is signed in to Azure here. Raises `CredentialMissing`."""
        from shared.adapters.entra import operator_token

        return operator_token(self.settings.operator_audience)

    def _database_password(self) -> Callable[[Login], str] | None:
        if self.settings.database_credential is DatabaseCredential.PASSFILE:
            return None
        return self._database_tokens

    @cached_property
    def _database_tokens(self) -> Callable[[Login], str]:
        from shared.adapters.entra import DatabaseTokens

        return DatabaseTokens(self.settings.database_identities)

    @cached_property
    def blobs(self) -> BlobStore:
        """Return document storage."""
        if self.ports.blobs is not None:
            return self.ports.blobs
        from shared.adapters.blobs import azure_blobs

        return azure_blobs(self.settings)

    @cached_property
    def queues(self) -> QueueSender:
        """Return the sender of queue messages."""
        if self.ports.queues is not None:
            return self.ports.queues
        from shared.adapters.queues import azure_queues

        return azure_queues(self.settings)

    @cached_property
    def tenant_keys(self) -> TenantKeys:
        """Return the provider of tenant keys."""
        if self.ports.tenant_keys is not None:
            return self.ports.tenant_keys
        from shared.adapters.local_keys import UnsafePlaintextKeys

        return UnsafePlaintextKeys(Path(self.settings.keys_path), self.settings.environment)

    @cached_property
    def signing_keys(self) -> SigningKeys:
        """Return the provider of the keys that sign seals."""
        if self.ports.signing_keys is not None:
            return self.ports.signing_keys
        from shared.adapters.signing import UnsafePlaintextSigningKeys

        return UnsafePlaintextSigningKeys(
            Path(self.settings.keys_path) / "signing", self.settings.environment
        )

    @cached_property
    def outbox(self) -> Outbox:
        """Return the outbox as the control plane sees it."""
        from shared.kernel.outbox import Outbox

        return Outbox(self.database(Login.CONTROL), self.queues)


def new_traceparent() -> str:
    """Return a new W3C trace parent."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
