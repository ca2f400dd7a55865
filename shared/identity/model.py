"""What provisioning hands out: who and what exists, as operators see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What is there now, and whether this call made it or changed it."""

    id: str
    created: bool


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant."""

    tenant_id: str
    group_id: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of tenants."""

    group_id: str
    name: str


@dataclass(frozen=True, slots=True)
class PrincipalRow:
    """A user or a service principal; the label may name a person (D23)."""

    principal_id: str
    kind: str
    object_id: str
    label: str
    status: str


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A role that a principal was granted."""

    role: str
    object_id: str


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A producer grant."""

    tenant_id: str
    object_id: str
    contract: str
