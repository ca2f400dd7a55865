"""Groups, tenants, principals and grants on real Postgres: explicit, repeatable, recorded once."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from shared.bootstrap import Services
from shared.identity.authority import PermissionMissing
from shared.identity.provisioning import (
    AlreadyOtherwise,
    LastOwner,
    NameUnfit,
    Provisioning,
    Unknown,
)
from shared.identity.roles import Role, permissions_of
from shared.ingest.errors import ContractUnknown
from shared.kernel.call import Call
from shared.kernel.ids import TenantId
from shared.pii.errors import KeysUnavailable
from tests.support.fix_db import EVERYTHING, OWNER, PRODUCER, World

CONTRACT = "repair-order.v2"
TABLES = ("tenant", "platform_run", "tenant_key", "producer_grant", "fact", "fact_key")


@pytest.fixture
def name() -> str:
    return f"n{uuid.uuid4().hex[:12]}"


@pytest.fixture
def somebody() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def provisioning(shared_world: World) -> Provisioning:
    return shared_world.services.provisioning


@pytest.fixture
def operator(shared_world: World) -> Callable[[], Call]:
    """Makes calls of the owner, each with a call id of its own."""
    return shared_world.operator


def facts_of(world: World, *calls: Call) -> list[tuple[str, str | None, dict[str, Any]]]:
    """What some calls recorded, in order."""
    return world.rows(
        "SELECT name, tenant_id, body::jsonb -> 'attributes' FROM ops.fact"
        " WHERE body::jsonb ->> 'call_id' = ANY(%s) ORDER BY seq",
        [call.call_id for call in calls],
    )


def sizes(world: World) -> dict[str, int]:
    return {table: world.rows(f"SELECT count(*) FROM ops.{table}")[0][0] for table in TABLES}


class TestTenants:
    """000-R9: no tenant appears on its own, and none is half there."""

    def test_a_group_has_to_be_there_first(
        self, shared_world: World, provisioning: Provisioning, name: str
    ) -> None:
        before = sizes(shared_world)
        with pytest.raises(Unknown):
            provisioning.create_tenant(shared_world.operator(), name, name)
        assert sizes(shared_world) == before

    def test_a_new_tenant_has_keys_and_a_standing_run_from_its_first_moment(
        self, shared_world: World, provisioning: Provisioning, name: str
    ) -> None:
        """000-R10: keys are available before the first record."""
        made = provisioning.create_tenant(shared_world.operator(), name, "group")

        assert made.created
        keys = shared_world.rows(
            "SELECT purpose, version, state, octet_length(wrapped) FROM ops.tenant_key"
            " WHERE tenant_id = %s ORDER BY purpose",
            made.id,
        )
        # A nonce, a 32-byte key and a tag: wrapped, not plain.
        assert keys == [("data", 1, "current", 60), ("index", 1, "current", 60)]
        assert shared_world.rows(
            "SELECT standing, closed_at FROM ops.platform_run WHERE tenant_id = %s", made.id
        ) == [(True, None)]

    def test_asking_again_returns_it_and_records_nothing(
        self, shared_world: World, provisioning: Provisioning, name: str
    ) -> None:
        first, again = shared_world.operator(), shared_world.operator()
        made = provisioning.create_tenant(first, name, "group")
        before = sizes(shared_world)

        found = provisioning.create_tenant(again, name, "group")
        assert (found.id, found.created) == (made.id, False)
        assert sizes(shared_world) == before
        assert facts_of(shared_world, again) == []
        [(fact, tenant_id, attributes)] = facts_of(shared_world, first)
        assert (fact, tenant_id) == ("identity:tenant:created", made.id)
        assert {key: value[:4] for key, value in attributes.items()} == {
            "group_id": "grp_",
            "run_id": "run_",
        }

    def test_it_cannot_be_asked_for_in_another_group(
        self, shared_world: World, provisioning: Provisioning, name: str
    ) -> None:
        provisioning.create_group(shared_world.operator(), name)
        with pytest.raises(AlreadyOtherwise):
            provisioning.create_tenant(shared_world.operator(), "north", name)

    def test_without_the_key_provider_nothing_of_the_tenant_is_left(
        self, shared_world: World, name: str
    ) -> None:
        """000-R10: fails closed, whole: no tenant, no run, no fact; and works afterwards."""

        class Away:
            """A key provider that does not answer, at one of its two methods."""

            def __init__(self, *, creates: bool) -> None:
                self.creates = creates

            def create(self, _: TenantId) -> None:
                if not self.creates:
                    raise KeysUnavailable

            def fetch(self, _: TenantId) -> bytes:
                raise KeysUnavailable

        before = sizes(shared_world)
        for creates in (False, True):
            ports = replace(shared_world.services.ports, tenant_keys=Away(creates=creates))
            services = Services(shared_world.services.settings, ports)
            with pytest.raises(KeysUnavailable):
                services.provisioning.create_tenant(shared_world.operator(), name, "group")
            services.close()
        assert sizes(shared_world) == before
        assert shared_world.services.provisioning.create_tenant(
            shared_world.operator(), name, "group"
        ).created

    def test_two_at_once_make_one(
        self, shared_world: World, provisioning: Provisioning, name: str
    ) -> None:
        at_once = 4
        barrier = Barrier(at_once)

        def create(call: Call) -> tuple[str, bool]:
            barrier.wait()
            made = provisioning.create_tenant(call, name, "group")
            return made.id, made.created

        calls = [shared_world.operator() for _ in range(at_once)]
        with ThreadPoolExecutor(at_once) as pool:
            made = list(pool.map(create, calls))
        [tenant_id] = {tenant_id for tenant_id, _ in made}
        assert sorted(created for _, created in made) == [False, False, False, True]
        assert len(facts_of(shared_world, *calls)) == 1
        for table, rows in (("tenant", 1), ("platform_run", 1), ("tenant_key", 2)):
            assert shared_world.rows(
                f"SELECT count(*) FROM ops.{table} WHERE tenant_id = %s", tenant_id
            ) == [(rows,)]

    def test_suspending_is_recorded_inside_the_tenant_once(
        self, shared_world: World, provisioning: Provisioning, name: str
    ) -> None:
        made = provisioning.create_tenant(shared_world.operator(), name, "group")
        calls = [shared_world.operator() for _ in range(3)]
        changed = [
            provisioning.set_tenant_status(call, name, status).created
            for call, status in zip(calls, ("suspended", "suspended", "active"), strict=True)
        ]

        assert changed == [True, False, True]
        assert facts_of(shared_world, *calls) == [
            ("identity:tenant:status_changed", made.id, {"status": "suspended"}),
            ("identity:tenant:status_changed", made.id, {"status": "active"}),
        ]


class TestNames:
    """A name is printable, short, and never somebody else's id."""

    @pytest.mark.parametrize(
        "unfit", ["", " x", "x ", "a\nb", "a\x00b", "a\u202eb", "x" * 101, "tnt_" + "0" * 26]
    )
    def test_what_is_no_name_is_refused(
        self, shared_world: World, provisioning: Provisioning, somebody: str, unfit: str
    ) -> None:
        call = shared_world.operator()
        with pytest.raises(NameUnfit):
            provisioning.create_group(call, unfit)
        with pytest.raises(NameUnfit):
            provisioning.create_tenant(call, unfit, "group")
        with pytest.raises(NameUnfit):
            provisioning.create_principal(call, "user", somebody, unfit)

    def test_groups_and_tenants_are_found_by_name_or_id(
        self, shared_world: World, provisioning: Provisioning, name: str
    ) -> None:
        call = shared_world.operator()
        group = provisioning.create_group(call, name).id
        tenant = provisioning.create_tenant(call, name, group).id

        assert provisioning.tenant(call, tenant) == provisioning.tenant(call, name)
        assert provisioning.create_group(shared_world.operator(), name).id == group


class TestPrincipals:
    """Users and services, by object id."""

    def test_a_repeat_finds_it_whatever_the_case_of_the_id(
        self, shared_world: World, provisioning: Provisioning, somebody: str
    ) -> None:
        first, again = shared_world.operator(), shared_world.operator()
        made = provisioning.create_principal(first, "user", somebody, "Ada Byron")
        found = provisioning.create_principal(again, "user", somebody.upper(), "Ada Byron")

        assert (found.id, found.created) == (made.id, False)
        assert facts_of(shared_world, first, again) == [
            (
                "identity:principal:created",
                None,
                {"kind": "user", "object_id": somebody, "principal_id": made.id},
            )
        ]

    def test_a_label_never_enters_a_fact(
        self, shared_world: World, provisioning: Provisioning, somebody: str, name: str
    ) -> None:
        """D23: facts carry ids; a label or a name may be a person's."""
        call = shared_world.operator()
        provisioning.create_group(call, name)
        provisioning.create_tenant(call, name, name)
        provisioning.create_principal(call, "user", somebody, f"Ada {name}", name)

        assert len(facts_of(shared_world, call)) == 4
        assert shared_world.rows(
            "SELECT count(*) FROM ops.fact WHERE body LIKE %s", f"%{name}%"
        ) == [(0,)]

    @pytest.mark.parametrize(("kind", "label"), [("service", "Ada"), ("user", "Eva")])
    def test_another_kind_or_label_is_a_conflict(
        self,
        shared_world: World,
        provisioning: Provisioning,
        somebody: str,
        kind: str,
        label: str,
    ) -> None:
        call = shared_world.operator()
        provisioning.create_principal(call, "user", somebody, "Ada")
        with pytest.raises(AlreadyOtherwise):
            provisioning.create_principal(call, kind, somebody, label)

    def test_an_unknown_group_undoes_the_whole(
        self, shared_world: World, provisioning: Provisioning, somebody: str, name: str
    ) -> None:
        """000-R9: a user that was to join a group is not there without it."""
        call = shared_world.operator()
        with pytest.raises(Unknown):
            provisioning.create_principal(call, "user", somebody, "Ada", name)
        assert facts_of(shared_world, call) == []
        assert shared_world.rows(
            "SELECT count(*) FROM ops.principal WHERE object_id = %s", somebody
        ) == [(0,)]

    def test_joining_again_records_nothing(
        self, shared_world: World, provisioning: Provisioning, somebody: str
    ) -> None:
        first, again = shared_world.operator(), shared_world.operator()
        provisioning.create_principal(first, "user", somebody, "Ada", "group")

        assert provisioning.add_member(again, somebody, "group").created is False
        assert facts_of(shared_world, again) == []
        [_, (fact, _, attributes)] = facts_of(shared_world, first)
        assert (fact, attributes["object_id"]) == ("identity:member:added", somebody)

    def test_a_user_is_not_disabled_as_a_service(
        self, shared_world: World, provisioning: Provisioning
    ) -> None:
        with pytest.raises(Unknown):
            provisioning.set_principal_status(shared_world.operator(), "user", PRODUCER, "disabled")

    def test_what_is_no_object_id_is_refused(
        self, shared_world: World, provisioning: Provisioning
    ) -> None:
        with pytest.raises(NameUnfit):
            provisioning.create_principal(shared_world.operator(), "user", "ada@x.example", "Ada")


class TestGrants:
    """Who may post what for whom: principal and tenant come first."""

    def test_principal_and_tenant_have_to_be_there(
        self, shared_world: World, provisioning: Provisioning, somebody: str, name: str
    ) -> None:
        call = shared_world.operator()
        with pytest.raises(Unknown):
            provisioning.grant_producer(call, somebody, "north", CONTRACT)
        with pytest.raises(Unknown):
            provisioning.grant_producer(call, PRODUCER, name, CONTRACT)
        assert facts_of(shared_world, call) == []

    def test_the_contract_has_to_ship(
        self, shared_world: World, provisioning: Provisioning
    ) -> None:
        """The nearest names are told, and what was asked for is not repeated (000-R20)."""
        with pytest.raises(ContractUnknown) as refused:
            provisioning.grant_producer(shared_world.operator(), PRODUCER, "north", "repair.v9")
        assert CONTRACT in refused.value.message
        assert "repair.v9" not in refused.value.message

    def test_adding_and_removing_are_recorded_once_each_inside_the_tenant(
        self, shared_world: World, provisioning: Provisioning, name: str
    ) -> None:
        tenant_id = shared_world.add_tenant(name)
        calls = [shared_world.operator() for _ in range(6)]
        grant, revoke = provisioning.grant_producer, provisioning.revoke_producer
        done = [
            change(call, PRODUCER, name, CONTRACT).created
            for change, call in zip(
                (grant, grant, revoke, revoke, grant, revoke), calls, strict=True
            )
        ]

        assert done == [True, False, True, False, True, True]
        attributes = {"object_id": PRODUCER, "contract": CONTRACT}
        assert facts_of(shared_world, *calls) == [
            (f"identity:producer:{action}", tenant_id, attributes)
            for action in ("granted", "revoked", "granted", "revoked")
        ]

    def test_roles_are_granted_and_revoked_once_each(
        self, shared_world: World, provisioning: Provisioning, somebody: str
    ) -> None:
        provisioning.create_principal(shared_world.operator(), "user", somebody, "Ada")
        calls = [shared_world.operator() for _ in range(4)]
        grant, revoke = provisioning.grant_role, provisioning.revoke_role
        done = [
            change(call, somebody, Role.SRE).created
            for change, call in zip((grant, grant, revoke, revoke), calls, strict=True)
        ]

        assert done == [True, False, True, False]
        attributes = {"object_id": somebody, "role": "sre"}
        assert facts_of(shared_world, *calls) == [
            ("identity:role:granted", None, attributes),
            ("identity:role:revoked", None, attributes),
        ]

    def test_a_role_needs_a_principal(
        self, shared_world: World, provisioning: Provisioning, somebody: str
    ) -> None:
        with pytest.raises(Unknown):
            provisioning.grant_role(shared_world.operator(), somebody, Role.SRE)


NOBODY = "00000000-0000-4000-8000-0000000000ff"
METHODS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "create_group": ("identity:group:create", ("x",)),
    "create_tenant": ("identity:tenant:create", ("x", "group")),
    "set_tenant_status": ("identity:tenant:suspend", ("north", "suspended")),
    "create_principal": ("identity:principal:create", ("user", NOBODY, "x")),
    "set_principal_status": ("identity:principal:disable", ("service", PRODUCER, "disabled")),
    "add_member": ("identity:principal:create", (PRODUCER, "group")),
    "grant_role": ("identity:role:grant", (PRODUCER, Role.SRE)),
    "revoke_role": ("identity:role:grant", (PRODUCER, Role.SRE)),
    "grant_producer": ("identity:producer:grant", (PRODUCER, "north", "nothing.v1")),
    "revoke_producer": ("identity:producer:grant", (PRODUCER, "north", CONTRACT)),
    "tenant": ("identity:tenant:read", ("north",)),
    "tenants": ("identity:tenant:read", ()),
    "groups": ("identity:tenant:read", ()),
    "principals": ("identity:principal:read", ()),
    "role_grants": ("identity:principal:read", ()),
    "grants": ("identity:tenant:read", ()),
}


class TestDefaultDeny:
    """002-R7: what is not permitted is refused, whatever else the caller may do."""

    def test_every_method_is_in_the_table(self) -> None:
        public = {
            name
            for name, _ in inspect.getmembers(Provisioning, inspect.isfunction)
            if not name.startswith("_")
        }
        assert public == METHODS.keys()

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("all_others", [False, True])
    def test_no_method_works_without_its_permission(
        self, shared_world: World, provisioning: Provisioning, method: str, all_others: bool
    ) -> None:
        needed, arguments = METHODS[method]
        permissions = EVERYTHING - {needed} if all_others else frozenset[str]()
        before = sizes(shared_world)

        with pytest.raises(PermissionMissing):
            getattr(provisioning, method)(shared_world.operator(permissions), *arguments)
        assert sizes(shared_world) == before

    @pytest.mark.parametrize("method", ["tenant", "tenants", "groups", "principals", "grants"])
    def test_the_permission_alone_is_enough(
        self, shared_world: World, provisioning: Provisioning, method: str
    ) -> None:
        needed, arguments = METHODS[method]
        call = shared_world.operator(frozenset({needed}))
        assert getattr(provisioning, method)(call, *arguments)


def test_the_last_platform_owner_can_be_neither_revoked_nor_disabled(
    shared_world: World, provisioning: Provisioning, somebody: str
) -> None:
    """Without an active owner nobody could make one."""
    with pytest.raises(LastOwner):
        provisioning.revoke_role(shared_world.operator(), OWNER, Role.PLATFORM_OWNER)
    with pytest.raises(LastOwner):
        provisioning.set_principal_status(shared_world.operator(), "user", OWNER, "disabled")

    provisioning.create_principal(shared_world.operator(), "user", somebody, "second owner")
    provisioning.grant_role(shared_world.operator(), somebody, Role.PLATFORM_OWNER)
    assert provisioning.revoke_role(shared_world.operator(), somebody, Role.PLATFORM_OWNER).created


def test_a_security_officer_cannot_make_itself_owner(
    shared_world: World, provisioning: Provisioning
) -> None:
    """001-R14, 000-R21: who controls access does not own the platform by that."""
    officer = permissions_of([Role.SECURITY_OFFICER])
    assert provisioning.grant_role(shared_world.operator(officer), PRODUCER, Role.SRE).created
    with pytest.raises(PermissionMissing):
        provisioning.grant_role(shared_world.operator(officer), OWNER, Role.PLATFORM_OWNER)
