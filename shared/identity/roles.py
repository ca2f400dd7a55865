"""Roles are sets of permissions; what is not in a set is denied.

Permissions are declared by the rooms that check them (``scope:subject:action``); a contract test
compares this table with the declarations. The roles are those of 001-R14 and 003-R3, and the
service roles that callers without a person hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Permission(StrEnum):
    """Permissions of this room."""

    GROUP_CREATE = "identity:group:create"
    TENANT_CREATE = "identity:tenant:create"
    TENANT_SUSPEND = "identity:tenant:suspend"
    TENANT_READ = "identity:tenant:read"
    PRINCIPAL_CREATE = "identity:principal:create"
    PRINCIPAL_DISABLE = "identity:principal:disable"
    PRINCIPAL_READ = "identity:principal:read"
    ROLE_GRANT = "identity:role:grant"
    PRODUCER_GRANT = "identity:producer:grant"
    OWNER_GRANT = "identity:owner:grant"


class Role(StrEnum):
    """Who stands behind a grant."""

    PLATFORM_OWNER = "platform_owner"
    SRE = "sre"
    SECURITY_OFFICER = "security_officer"
    PROJECT_MAINTAINER = "project_maintainer"
    PRODUCER = "producer"
    RECONCILER = "reconciler"


MEANING: dict[Role, str] = {
    Role.PLATFORM_OWNER: "Owns the installation: tenants, principals, roles, policy.",
    Role.SRE: "Keeps it running: reads everything that is safe to read, reconciles, proposes.",
    Role.SECURITY_OFFICER: "Controls access: grants, suspensions, approvals, evidence.",
    Role.PROJECT_MAINTAINER: "Works for tenants: producer grants, receipts.",
    Role.PRODUCER: "A service that posts records; also needs a producer grant per contract.",
    Role.RECONCILER: "The timers of the control plane.",
}

_READ = frozenset(
    {
        Permission.TENANT_READ.value,
        "lifecycle:environment:read",
        "policy:revision:read",
        "ingest:receipt:read",
        "ingest:quarantine:read",
        "ingest:run:read",
    }
)
_INTAKE = frozenset(
    {
        "ingest:quarantine:release",
        "ingest:quarantine:discard",
        "ingest:run:open",
        "ingest:run:close",
    }
)
"""Decisions about what comes in, for those who work with tenants."""
_WATCH = frozenset(
    {"health:signal:read", "ledger:status:read", "ledger:seal:verify", "ledger:key:read"}
)
"""What shows whether the plane and its evidence are sound; nothing of a tenant."""
_PROVE = frozenset({"ledger:entry:prove", "ledger:key:read"})

_ASK = frozenset(
    {
        "approvals:request:read",
        "approvals:request:withdraw",
        "policy:revision:propose",
        "policy:revision:activate",
    }
)
"""Ask a second person, and do what was approved."""
_DECIDE = frozenset(
    {
        "approvals:request:read",
        "approvals:request:decide",
        "approvals:request:withdraw",
        "policy:revision:approve",
    }
)
"""Be the second person; whoever asked never is."""

GRANTS: dict[Role, frozenset[str]] = {
    Role.PLATFORM_OWNER: _READ
    | _ASK
    | _DECIDE
    | _INTAKE
    | _WATCH
    | _PROVE
    | {
        "ledger:key:rotate",
        "ledger:epoch:begin",
        Permission.GROUP_CREATE.value,
        Permission.TENANT_CREATE.value,
        Permission.TENANT_SUSPEND.value,
        Permission.PRINCIPAL_CREATE.value,
        Permission.PRINCIPAL_DISABLE.value,
        Permission.PRINCIPAL_READ.value,
        Permission.ROLE_GRANT.value,
        Permission.OWNER_GRANT.value,
        Permission.PRODUCER_GRANT.value,
    },
    Role.SRE: _READ
    | _ASK
    | _INTAKE
    | _WATCH
    | _PROVE
    | {Permission.PRINCIPAL_READ.value, "ingest:receipt:reconcile", "ledger:epoch:begin"},
    Role.SECURITY_OFFICER: _READ
    | _DECIDE
    | _WATCH
    | _PROVE
    | {
        "ledger:entry:export",
        "ledger:key:rotate",
        Permission.TENANT_SUSPEND.value,
        Permission.PRINCIPAL_CREATE.value,
        Permission.PRINCIPAL_DISABLE.value,
        Permission.PRINCIPAL_READ.value,
        Permission.ROLE_GRANT.value,
        Permission.PRODUCER_GRANT.value,
    },
    Role.PROJECT_MAINTAINER: _READ | _INTAKE | _PROVE | {Permission.PRODUCER_GRANT.value},
    Role.PRODUCER: frozenset(
        {"ingest:record:submit", "ingest:receipt:read", "policy:revision:read"}
    ),
    Role.RECONCILER: frozenset(
        {
            "ingest:receipt:reconcile",
            "outbox:message:sweep",
            "governance:denial:settle",
            "lifecycle:ledger:prepare",
            "approvals:request:expire",
            "ledger:seal:create",
            "ingest:quarantine:expire",
        }
    ),
}


def permissions_of(roles: Iterable[Role]) -> frozenset[str]:
    """Return the union of what the roles allow; no role, no permission."""
    return frozenset().union(*(GRANTS[role] for role in roles))
