"""Groups, tenants, users, services and grants: created explicitly, audited, repeatable (000-R9).

Every method is idempotent: asking again for what is there returns it and records nothing, asking
for something else under the same name is a `Conflict`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from shared.governance.facts import OBJECT_ID, FactKind, record
from shared.identity import vocabulary as facts
from shared.identity.authority import demand
from shared.identity.model import (
    GrantRow,
    GroupRow,
    PrincipalRow,
    Provisioned,
    RoleRow,
    TenantRow,
)
from shared.identity.roles import Permission, Role
from shared.kernel.call import Call
from shared.kernel.db import Database, Tx
from shared.kernel.errors import Conflict, Invalid, Missing
from shared.kernel.ids import PATTERN, IdSource, TenantId
from shared.kernel.sql import Queries

_sql = Queries("shared.identity")

_NAME_LENGTH = 100


class NameUnfit(Invalid):
    """A name or label is empty, too long, holds control characters or reads as an id."""

    code = "identity.name_unfit"
    title = "A name needs 1 to 100 printable characters and may not look like an id"


class Unknown(Missing):
    """No group, tenant or principal of that name."""

    code = "identity.unknown"
    title = "Nothing of that name exists; create it first"


class AlreadyOtherwise(Conflict):
    """It exists, with other properties."""

    code = "identity.already_otherwise"
    title = "It exists already, with other properties"


class LastOwner(Conflict):
    """Without an active platform owner nobody could make one."""

    code = "identity.last_owner"
    title = "This is the last active platform owner; make another one first"


class NewTenantHook(Protocol):
    """What another room needs a new tenant to have; runs in the same transaction."""

    def __call__(self, tx: Tx, call: Call) -> None:
        """Prepare the tenant of the call."""
        ...


class Provisioning:
    """Creates what must exist before anyone can post a record."""

    def __init__(
        self,
        control: Database,
        ids: IdSource,
        *,
        on_new_tenant: Sequence[NewTenantHook],
        check_contract: Callable[[str], None],
    ) -> None:
        """Write as ``control``; ``check_contract`` raises for a contract that does not ship."""
        self._control = control
        self._ids = ids
        self._on_new_tenant = tuple(on_new_tenant)
        self._check_contract = check_contract

    def create_group(self, call: Call, name: str) -> Provisioned:
        """Create a group of tenants."""
        demand(call, Permission.GROUP_CREATE)
        _check_name(name)
        with self._control.platform(call) as tx:
            new = self._ids.mint("grp", call.now)
            if tx.run(_sql.create_group, _row(call, group_id=new, name=name)):
                record(tx, call, facts.GROUP_CREATED, new, group_id=new)
                return Provisioned(new, created=True)
            return Provisioned(_group(tx, name), created=False)

    def create_tenant(self, call: Call, name: str, group: str) -> Provisioned:
        """Create a tenant in an existing group, with keys and standing run.

        Raises `Unknown` for a group that does not exist, `AlreadyOtherwise` when the tenant is
        in another group.
        """
        demand(call, Permission.TENANT_CREATE)
        _check_name(name)
        tenant_id = TenantId(self._ids.mint("tnt", call.now))
        inside = call.for_tenant(tenant_id)
        with self._control.platform(inside) as tx:
            group_id = _group(tx, group)
            if not tx.run(
                _sql.create_tenant,
                _row(call, tenant_id=tenant_id, group_id=group_id, name=name),
            ):
                existing = tx.one(TenantRow, _sql.tenant_by_name, {"name": name})
                if existing is None or existing.group_id != group_id:
                    raise AlreadyOtherwise("A tenant of that name is in another group")
                return Provisioned(existing.tenant_id, created=False)
            run_id = self._ids.mint("run", call.now)
            tx.run(_sql.open_standing_run, _row(call, tenant_id=tenant_id, run_id=run_id))
            for prepare in self._on_new_tenant:
                prepare(tx, inside)
            record(tx, inside, facts.TENANT_CREATED, tenant_id, group_id=group_id, run_id=run_id)
        return Provisioned(tenant_id, created=True)

    def set_tenant_status(self, call: Call, tenant: str, status: str) -> Provisioned:
        """Suspend a tenant (read-only) or make it active again."""
        demand(call, Permission.TENANT_SUSPEND)
        with self._control.platform(call) as tx:
            tx.run(_sql.lock_boundary)
            found = _tenant(tx, tenant)
            inside = call.for_tenant(TenantId(found.tenant_id))
            changed = tx.run(
                _sql.set_tenant_status, {"tenant_id": found.tenant_id, "status": status}
            )
            if changed:
                record(tx, inside, facts.TENANT_STATUS_CHANGED, call.call_id, status=status)
        return Provisioned(found.tenant_id, created=bool(changed))

    def create_principal(
        self, call: Call, kind: str, object_id: str, label: str, group: str | None = None
    ) -> Provisioned:
        """Register a directory object as a user or a service, in a group if one is named.

        Raises `AlreadyOtherwise` when it is there as another kind or under another label.
        """
        demand(call, Permission.PRINCIPAL_CREATE)
        _check_name(label)
        object_id = _check_object_id(object_id)
        with self._control.platform(call) as tx:
            new = self._ids.mint("prn", call.now)
            row = _row(call, principal_id=new, kind=kind, object_id=object_id, label=label)
            created = bool(tx.run(_sql.create_principal, row))
            if created:
                record(
                    tx,
                    call,
                    facts.PRINCIPAL_CREATED,
                    new,
                    principal_id=new,
                    object_id=object_id,
                    kind=kind,
                )
            found = _principal(tx, object_id)
            if (found.kind, found.label) != (kind, label):
                raise AlreadyOtherwise("The object id is registered as another kind or label")
            if group is not None:
                _join(tx, call, found, _group(tx, group))
        return Provisioned(found.principal_id, created=created)

    def set_principal_status(
        self, call: Call, kind: str, object_id: str, status: str
    ) -> Provisioned:
        """Disable a user or a service, or make it active again. Raises `LastOwner`."""
        demand(call, Permission.PRINCIPAL_DISABLE)
        with self._control.platform(call) as tx:
            found = _principal(tx, _check_object_id(object_id), kind)
            if status != "active":
                _keep_an_owner(tx, found.object_id)
            row = {"object_id": found.object_id, "status": status}
            changed = tx.run(_sql.set_principal_status, row)
            if changed:
                record(tx, call, facts.PRINCIPAL_STATUS_CHANGED, call.call_id, **row)
        return Provisioned(found.principal_id, created=bool(changed))

    def add_member(self, call: Call, object_id: str, group: str) -> Provisioned:
        """Put a principal into a group."""
        demand(call, Permission.PRINCIPAL_CREATE)
        with self._control.platform(call) as tx:
            found = _principal(tx, _check_object_id(object_id))
            added = _join(tx, call, found, _group(tx, group))
        return Provisioned(found.principal_id, created=added)

    def grant_role(self, call: Call, object_id: str, role: Role) -> Provisioned:
        """Grant a role; only an owner makes another owner."""
        demand(call, Permission.ROLE_GRANT)
        if role is Role.PLATFORM_OWNER:
            demand(call, Permission.OWNER_GRANT)
        return self._change_role(call, object_id, role, _sql.grant_role, facts.ROLE_GRANTED)

    def revoke_role(self, call: Call, object_id: str, role: Role) -> Provisioned:
        """Revoke a role; ``created`` tells whether there was one. Raises `LastOwner`."""
        demand(call, Permission.ROLE_GRANT)
        if role is Role.PLATFORM_OWNER:
            demand(call, Permission.OWNER_GRANT)
        return self._change_role(call, object_id, role, _sql.revoke_role, facts.ROLE_REVOKED)

    def _change_role(
        self, call: Call, object_id: str, role: Role, query: bytes, fact: FactKind
    ) -> Provisioned:
        with self._control.platform(call) as tx:
            found = _principal(tx, _check_object_id(object_id))
            if role is Role.PLATFORM_OWNER and query is _sql.revoke_role:
                _keep_an_owner(tx, found.object_id)
            changed = tx.run(query, _row(call, principal_id=found.principal_id, role=role.value))
            if changed:
                record(
                    tx, call, fact, call.call_id + role, object_id=found.object_id, role=role.value
                )
        return Provisioned(found.principal_id, created=bool(changed))

    def grant_producer(self, call: Call, object_id: str, tenant: str, contract: str) -> Provisioned:
        """Let a service post one contract for one tenant.

        Raises `Unknown` for a tenant or a principal that was not created.
        """
        demand(call, Permission.PRODUCER_GRANT)
        self._check_contract(contract)
        return self._change_producer(
            call, object_id, tenant, contract, _sql.grant_producer, facts.PRODUCER_GRANTED
        )

    def revoke_producer(
        self, call: Call, object_id: str, tenant: str, contract: str
    ) -> Provisioned:
        """Take that back; ``created`` tells whether there was a grant."""
        demand(call, Permission.PRODUCER_GRANT)
        return self._change_producer(
            call, object_id, tenant, contract, _sql.revoke_producer, facts.PRODUCER_REVOKED
        )

    def _change_producer(  # noqa: PLR0913 - two public methods share it
        self, call: Call, object_id: str, tenant: str, contract: str, query: bytes, fact: FactKind
    ) -> Provisioned:
        with self._control.platform(call) as tx:
            # Producers are services; a grant that a person once got can still be taken back.
            kind = "service" if query is _sql.grant_producer else None
            found = _principal(tx, _check_object_id(object_id), kind)
            owner = _tenant(tx, tenant)
            inside = call.for_tenant(TenantId(owner.tenant_id))
            row = _row(
                call, tenant_id=owner.tenant_id, object_id=found.object_id, contract=contract
            )
            changed = tx.run(query, row)
            if changed:
                record(
                    tx,
                    inside,
                    fact,
                    f"{call.call_id}|{found.object_id}|{contract}",
                    object_id=found.object_id,
                    contract=contract,
                )
        return Provisioned(owner.tenant_id, created=bool(changed))

    def tenant(self, call: Call, name: str) -> TenantRow:
        """Return a tenant by name or id. Raises `Unknown`."""
        demand(call, Permission.TENANT_READ)
        with self._control.platform(call, read_only=True) as tx:
            return _tenant(tx, name)

    def tenants(self, call: Call) -> list[TenantRow]:
        """List every tenant."""
        demand(call, Permission.TENANT_READ)
        with self._control.platform(call, read_only=True) as tx:
            return tx.all(TenantRow, _sql.tenants)

    def groups(self, call: Call) -> list[GroupRow]:
        """List every group."""
        demand(call, Permission.TENANT_READ)
        with self._control.platform(call, read_only=True) as tx:
            return tx.all(GroupRow, _sql.groups)

    def principals(self, call: Call, kind: str | None = None) -> list[PrincipalRow]:
        """List every principal of a kind, or of any."""
        demand(call, Permission.PRINCIPAL_READ)
        with self._control.platform(call, read_only=True) as tx:
            return tx.all(PrincipalRow, _sql.principals, {"kind": kind})

    def role_grants(self, call: Call) -> list[RoleRow]:
        """List every role that was granted."""
        demand(call, Permission.PRINCIPAL_READ)
        with self._control.platform(call, read_only=True) as tx:
            return tx.all(RoleRow, _sql.role_grants)

    def grants(self, call: Call) -> list[GrantRow]:
        """List every producer grant."""
        demand(call, Permission.TENANT_READ)
        with self._control.platform(call, read_only=True) as tx:
            return tx.all(GrantRow, _sql.grants)


def _row(call: Call, **values: Any) -> dict[str, Any]:
    return {"now": call.now, "by": call.actor.actor_id, **values}


def _keep_an_owner(tx: Tx, object_id: str) -> None:
    """Refuse to take away the last active platform owner, two at once included."""
    tx.run(_sql.lock_owners)
    owners = set(tx.values(_sql.active_owners))
    if owners == {object_id}:
        raise LastOwner


def _group(tx: Tx, name: str) -> str:
    found = tx.value(_sql.group_by_name, {"name": name})
    if found is None:
        raise Unknown("No group of that name; create it with: opsplane group create NAME")
    return str(found)


def _tenant(tx: Tx, name: str) -> TenantRow:
    found = tx.one(TenantRow, _sql.tenant_by_name, {"name": name})
    if found is None:
        raise Unknown("No tenant of that name or id; see: opsplane tenant list")
    return found


def _principal(tx: Tx, object_id: str, kind: str | None = None) -> PrincipalRow:
    found = tx.one(PrincipalRow, _sql.principal_by_object_id, {"object_id": object_id})
    if found is None or kind not in (None, found.kind):
        raise Unknown("No principal with that object id; see: opsplane user create --help")
    return found


def _join(tx: Tx, call: Call, principal: PrincipalRow, group_id: str) -> bool:
    row = _row(call, group_id=group_id, principal_id=principal.principal_id)
    added = bool(tx.run(_sql.add_member, row))
    if added:
        record(
            tx,
            call,
            facts.MEMBER_ADDED,
            f"{group_id}|{principal.principal_id}",
            object_id=principal.object_id,
            group_id=group_id,
        )
    return added


def _check_name(name: str) -> None:
    if not 0 < len(name) <= _NAME_LENGTH or not name.isprintable() or name != name.strip():
        raise NameUnfit
    # Everything is found by name or id, so a name must never be somebody else's id.
    if PATTERN.fullmatch(name):
        raise NameUnfit


def _check_object_id(object_id: str) -> str:
    lowered = object_id.lower()
    if not OBJECT_ID.fullmatch(lowered):
        raise NameUnfit("An object id is a UUID, such as Entra shows it")
    return lowered
