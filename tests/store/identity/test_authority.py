"""What a verified caller may do comes from role grants, and from nothing else."""

from __future__ import annotations

import uuid

import pytest

from shared.identity.authority import PermissionMissing, demand
from shared.identity.roles import GRANTS, MEANING, Role
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.errors import EnvironmentDiffers
from tests.support.fix_db import EVERYTHING, OWNER, World


@pytest.fixture
def somebody(shared_world: World) -> str:
    object_id = str(uuid.uuid4())
    shared_world.services.provisioning.create_principal(
        shared_world.operator(), "user", object_id, "Ada"
    )
    return object_id


def verified(world: World, object_id: str, permissions: frozenset[str] = frozenset()) -> Call:
    actor = Actor(SourceType.HUMAN, object_id, AuthMode.TOKEN, permissions)
    return world.services.call(actor)


def allowed(world: World, object_id: str) -> frozenset[str]:
    call = verified(world, object_id)
    return world.services.authority.with_roles(call).actor.permissions


def test_the_table_of_roles_is_whole() -> None:
    assert GRANTS.keys() == MEANING.keys() == set(Role)
    assert all(GRANTS.values())


@pytest.mark.parametrize("role", Role)
def test_a_role_gives_what_the_table_says_until_it_is_revoked(
    shared_world: World, somebody: str, role: Role
) -> None:
    provisioning = shared_world.services.provisioning
    assert allowed(shared_world, somebody) == frozenset()
    provisioning.grant_role(shared_world.operator(), somebody, role)
    assert allowed(shared_world, somebody) == GRANTS[role]
    provisioning.revoke_role(shared_world.operator(), somebody, role)
    assert allowed(shared_world, somebody) == frozenset()


def test_several_roles_add_up(shared_world: World, somebody: str) -> None:
    for role in (Role.SRE, Role.PROJECT_MAINTAINER):
        shared_world.services.provisioning.grant_role(shared_world.operator(), somebody, role)

    assert allowed(shared_world, somebody) == GRANTS[Role.SRE] | GRANTS[Role.PROJECT_MAINTAINER]


def test_a_disabled_principal_may_do_nothing(shared_world: World, somebody: str) -> None:
    provisioning = shared_world.services.provisioning
    provisioning.grant_role(shared_world.operator(), somebody, Role.PLATFORM_OWNER)
    provisioning.set_principal_status(shared_world.operator(), "user", somebody, "disabled")
    assert allowed(shared_world, somebody) == frozenset()
    provisioning.set_principal_status(shared_world.operator(), "user", somebody, "active")
    assert allowed(shared_world, somebody) == GRANTS[Role.PLATFORM_OWNER]


def test_a_stranger_may_do_nothing(shared_world: World) -> None:
    """000-R9: being verified registers nobody."""
    assert allowed(shared_world, str(uuid.uuid4())) == frozenset()


def test_permissions_that_a_caller_brings_along_are_dropped(shared_world: World) -> None:
    """002-R7, 002-R8: authority comes from the database alone."""
    call = verified(shared_world, str(uuid.uuid4()), EVERYTHING)
    call = shared_world.services.authority.with_roles(call)

    with pytest.raises(PermissionMissing):
        demand(call, "identity:tenant:read")


def test_a_role_that_this_release_does_not_know_allows_nothing(
    shared_world: World, somebody: str
) -> None:
    """A release that was rolled back meets the roles of the one after it."""
    with shared_world.connect() as admin:
        admin.execute(
            "INSERT INTO ops.role_grant SELECT principal_id, 'astronaut', now(), 'x'"
            " FROM ops.principal WHERE object_id = %s",
            (somebody,),
        )
    assert allowed(shared_world, somebody) == frozenset()


def test_a_database_of_another_environment_gives_no_roles(world: World) -> None:
    """D1: not even its owner operates on it through a wrong setting."""
    with world.connect() as admin:
        admin.execute("UPDATE ops.environment_marker SET environment = 'production'")
        with pytest.raises(EnvironmentDiffers):
            allowed(world, OWNER)
        admin.execute("DELETE FROM ops.environment_marker")
        with pytest.raises(EnvironmentDiffers):
            allowed(world, OWNER)
