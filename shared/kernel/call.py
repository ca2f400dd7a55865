"""Who is calling, for which tenant, under which policy, and when: plain data made at the edge."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from shared.kernel.errors import Denied
from shared.kernel.ids import CallId, TenantId


class SourceType(StrEnum):
    """What kind of actor stands behind a call (002-R8, D6)."""

    SYSTEM = "SYSTEM"
    HUMAN = "HUMAN"


class AuthMode(StrEnum):
    """How the credential was verified; one mode per environment (D18)."""

    TOKEN = "token"  # noqa: S105 - the name of a mode, no secret
    API_KEY = "api_key"  # pragma: allowlist secret - the name of a mode
    DATABASE_LOGIN = "database_login"


@dataclass(frozen=True, slots=True)
class Actor:
    """A verified caller. Made from a credential, never from a payload (002-R6, 002-R8)."""

    source_type: SourceType
    subject: str
    """The directory's object id of the caller: opaque, personal to nobody who cannot look it up."""
    auth_mode: AuthMode
    permissions: frozenset[str] = frozenset()

    @property
    def actor_id(self) -> str:
        """Return ``SYSTEM::<service>`` or ``HUMAN::<id>`` as evidence spells it."""
        return f"{self.source_type}::{self.subject}"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, message or tick, as every service sees it."""

    call_id: CallId
    actor: Actor
    now: datetime
    environment: str
    service_release_id: str
    traceparent: str
    tenant_id: TenantId | None = None
    policy_rev: str | None = field(default=None)

    def for_tenant(self, tenant_id: TenantId) -> Call:
        """Return the same call, acting inside one tenant."""
        return replace(self, tenant_id=tenant_id)

    def may(self, permission: str) -> bool:
        """Tell whether the caller holds a permission; default is no."""
        return permission in self.actor.permissions


class PermissionMissing(Denied):
    """The caller is known but does not hold the permission."""

    code = "identity.permission_missing"
    title = "The caller does not hold the permission for this"
    caller: str | None = None
    """The object id of the verified caller, where the edge knows it; never shown."""


def demand(call: Call, permission: str) -> None:
    """Raise `PermissionMissing` unless the caller holds the permission; default is no."""
    if not call.may(permission):
        raise PermissionMissing
