"""Puts the product together: settings and adapters in, services out.

The one module that knows the adapters. Everything is built on first use and kept; nothing
connects, and no SDK is imported, before a request needs it (cold start).
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from shared.kernel import log
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.clock import Clock, SystemClock
from shared.kernel.db import Database, Login, login_url
from shared.kernel.ids import CallId, IdSource, RandomIds, TenantId
from shared.kernel.ports import BlobStore, QueueSender, SilentTelemetry, Telemetry, TenantKeys
from shared.kernel.settings import Credential, DatabaseCredential, Settings

if TYPE_CHECKING:
    from shared.governance.denials import Denials
    from shared.health.service import Health
    from shared.identity.authority import Authority
    from shared.identity.provisioning import Provisioning
    from shared.identity.verification import Verification
    from shared.ingest.documents import Documents
    from shared.ingest.gate import IngestGate
    from shared.ingest.receipts import Receipts
    from shared.ingest.reconcile import Reconciler
    from shared.kernel.outbox import Outbox
    from shared.lifecycle.initialise import Marker
    from shared.lifecycle.months import Months
    from shared.pii.keyring import Keyring
    from shared.policy.service import Policy


@dataclass(frozen=True, slots=True)
class Ports:
    """Stand-ins for the world outside, for tests; what is ``None`` is built from settings."""

    clock: Clock = field(default_factory=SystemClock)
    ids: IdSource = field(default_factory=RandomIds)
    telemetry: Telemetry = field(default_factory=SilentTelemetry)
    blobs: BlobStore | None = None
    queues: QueueSender | None = None
    tenant_keys: TenantKeys | None = None
    background: bool = True
    """Whether receipt documents and refusals are written off the request; tests wait for them."""


class Services:
    """Every service of the product, each built when it is first asked for."""

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
    def outbox(self) -> Outbox:
        """Return the outbox as the control plane sees it."""
        from shared.kernel.outbox import Outbox

        return Outbox(self.database(Login.CONTROL), self.queues)

    # rooms ----------------------------------------------------------------------------------------

    @cached_property
    def denials(self) -> Denials:
        """Return the tally of refused credentials."""
        from shared.governance.denials import Denials

        return Denials(
            self.database(Login.DATA),
            self.database(Login.CONTROL),
            delay=1.0 if self.ports.background else 0.0,
        )

    @cached_property
    def authority(self) -> Authority:
        """Return the reader of role grants."""
        from shared.identity.authority import Authority

        return Authority(self.database(Login.CONTROL))

    @cached_property
    def verification(self) -> Verification:
        """Return the verifier of credentials."""
        from shared.identity.api_keys import UnsafeStaticKeys
        from shared.identity.verification import Verification

        settings = self.settings
        if settings.credential is Credential.API_KEY:
            return Verification(settings, keys=UnsafeStaticKeys(settings.api_keys))
        from shared.adapters.jwks_http import HttpJwks
        from shared.identity.keysets import KeySets
        from shared.identity.tokens import TokenVerifier

        return Verification(
            settings,
            tokens=TokenVerifier(
                issuers=settings.oidc_issuers,
                directories=settings.oidc_directories,
                object_claim=settings.oidc_object_claim,
                directory_claim=settings.oidc_directory_claim,
                keysets=KeySets(HttpJwks(settings.oidc_jwks_uri), self.ports.clock),
                clock=self.ports.clock,
            ),
        )

    @cached_property
    def health(self) -> Health:
        """Return what answers probes."""
        from shared.health.service import Health

        return Health(self.database(Login.DATA), self.policy.shipped)

    @cached_property
    def months(self) -> Months:
        """Return the upkeep of ledger partitions."""
        from shared.lifecycle.months import Months

        return Months(self.database(Login.CONTROL))

    @cached_property
    def keyring(self) -> Keyring:
        """Return the keys of tenants."""
        from shared.pii.keyring import Keyring

        return Keyring(self.tenant_keys)

    @cached_property
    def provisioning(self) -> Provisioning:
        """Return what creates tenants, principals and grants."""
        from shared.identity.provisioning import Provisioning

        def known_contract(name: str) -> None:
            from shared.ingest.contracts import named

            named(name)

        return Provisioning(
            self.database(Login.CONTROL),
            self.ports.ids,
            on_new_tenant=[self.keyring.prepare_tenant],
            check_contract=known_contract,
        )

    def marker(self, call: Call) -> Marker:
        """Return what the database says of itself."""
        from shared.lifecycle.initialise import marker

        return marker(self.database(Login.CONTROL), call)

    def initialise(self, call: Call, workspace: str, owner: str) -> bool:
        """Give the database to this environment, as the migrator."""
        from shared.lifecycle.initialise import initialise

        return initialise(self.database(Login.MIGRATOR), call, self.ports.ids, workspace, owner)

    @cached_property
    def policy(self) -> Policy:
        """Return the policy of this environment."""
        from shared.ingest.contracts import policy_document, shipped
        from shared.policy.service import Policy

        return Policy(
            self.database(Login.CONTROL), self.database(Login.DATA), policy_document(shipped())
        )

    @cached_property
    def documents(self) -> Documents:
        """Return the writer of receipt documents, as the data plane."""
        from shared.ingest.documents import Documents

        return Documents(
            self.database(Login.DATA),
            self.blobs,
            self.ports.clock,
            background=self.ports.background,
        )

    @cached_property
    def gate(self) -> IngestGate:
        """Return the ingest gate."""
        from shared.ingest.contracts import shipped
        from shared.ingest.gate import IngestGate
        from shared.kernel.settings import revision_of
        from shared.pii.vault import Vault

        return IngestGate(
            data=self.database(Login.DATA),
            keyring=self.keyring,
            vault=Vault(),
            documents=self.documents,
            contracts=shipped(),
            policy_rev=self.policy.shipped,
            ids=self.ports.ids,
            telemetry=self.ports.telemetry,
            max_records=self.settings.ingest_max_records,
            config_revision=revision_of(self.settings),
        )

    @cached_property
    def receipts(self) -> Receipts:
        """Return the reader and verifier of receipts, as the data plane."""
        from shared.ingest.receipts import Receipts

        return Receipts(self.database(Login.DATA), self.blobs)

    @cached_property
    def reconciler(self) -> Reconciler:
        """Return what writes lost documents, as the control plane."""
        from shared.ingest.documents import Documents
        from shared.ingest.reconcile import Reconciler

        control = self.database(Login.CONTROL)
        return Reconciler(
            control, Documents(control, self.blobs, self.ports.clock, background=False)
        )


def new_traceparent() -> str:
    """Return a new W3C trace parent."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def build(environment: Mapping[str, str], ports: Ports | None = None) -> Services:
    """Return the services for some environment variables. Raises `SettingsInvalid`."""
    return Services(Settings.from_env(environment), ports)


_services: Services | None = None
_building = threading.Lock()


def services() -> Services:
    """Return this process's services, built from its environment on first use."""
    global _services  # noqa: PLW0603 - one app per process, and engines call us by import
    if _services is None:
        with _building:
            if _services is None:
                _services = build(os.environ)
    return _services


def install(replacement: Services | None) -> None:
    """Put other services in place, for tests of the edge."""
    global _services  # noqa: PLW0603 - the counterpart of `services`
    _services = replacement
