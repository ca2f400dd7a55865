"""A database is given to one environment, once, by whoever owns the schema."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import psycopg
import pytest

from local.stack import Stack
from shared.bootstrap import Services, build
from shared.identity.authority import PermissionMissing
from shared.identity.roles import GRANTS, Role
from shared.kernel.call import Actor, AuthMode, SourceType
from shared.kernel.db import Login
from shared.lifecycle.initialise import AlreadyAnother, NotInitialised, OwnerUnfit, Permission
from tests.support.fix_db import OWNER, settings_for

READER = frozenset({Permission.ENVIRONMENT_READ.value})
MIGRATOR = Actor(SourceType.SYSTEM, "opsplane.migrator", AuthMode.DATABASE_LOGIN, READER)


@pytest.fixture
def services(stack: Stack, database: str, tmp_path: Path) -> Iterator[Services]:
    made = build(settings_for(stack, database, tmp_path))
    yield made
    made.close()


@pytest.fixture
def admin(stack: Stack, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack.admin_url(database), autocommit=True) as connection:
        yield connection


def initialise(services: Services, workspace: str = "west", owner: str = OWNER) -> bool:
    return services.initialise(services.call(MIGRATOR), workspace, owner)


def test_nothing_is_there_before_and_everything_needed_after(
    services: Services, admin: psycopg.Connection
) -> None:
    """000-R9, D1: marker, first owner, its role and one fact; no tenant, no policy."""
    with pytest.raises(NotInitialised):
        services.marker(services.call(MIGRATOR))
    assert initialise(services) is True

    marker = services.marker(services.call(MIGRATOR))
    assert (marker.environment, marker.workspace, marker.schema_version) == (
        "local_parity",
        "west",
        "v2",
    )
    owner = services.call(Actor(SourceType.HUMAN, OWNER, AuthMode.TOKEN))
    permissions = services.authority.with_roles(owner).actor.permissions
    assert permissions == GRANTS[Role.PLATFORM_OWNER]
    [(name, attributes)] = admin.execute(
        "SELECT name, body::jsonb -> 'attributes' FROM ops.fact"
    ).fetchall()
    assert name == "lifecycle:environment:initialised"
    assert attributes == {"environment": "local_parity", "owner": OWNER}
    for table in ("tenant", "tenant_group", "policy_revision", "producer_grant"):
        assert admin.execute(f"SELECT count(*) FROM ops.{table}").fetchone() == (0,)


def test_a_repeat_changes_nothing_not_even_the_owner(
    services: Services, admin: psycopg.Connection
) -> None:
    """Whoever asks second does not become the owner."""
    other = OWNER.replace("a", "c")
    assert [initialise(services), initialise(services), initialise(services, owner=other)] == [
        True,
        False,
        False,
    ]
    assert admin.execute("SELECT object_id FROM ops.principal").fetchall() == [(OWNER,)]
    assert admin.execute("SELECT count(*) FROM ops.fact").fetchone() == (1,)


def test_another_environment_or_workspace_is_refused(
    services: Services, stack: Stack, database: str, tmp_path: Path
) -> None:
    """D1, 000-R3: nothing turns one environment into another."""
    initialise(services)
    with pytest.raises(AlreadyAnother):
        initialise(services, workspace="east")
    settings = settings_for(
        stack, database, tmp_path, OPS_ENVIRONMENT="testing", OPS_SERVICE_RELEASE_ID="r1"
    )
    testing = build(settings)
    with pytest.raises(AlreadyAnother):
        initialise(testing)
    testing.close()


def test_of_two_at_once_one_wins(services: Services, admin: psycopg.Connection) -> None:
    barrier = Barrier(2)

    def attempt(workspace: str) -> bool | str:
        barrier.wait()
        try:
            return initialise(services, workspace)
        except AlreadyAnother as error:
            return error.code

    with ThreadPoolExecutor(2) as pool:
        outcomes = set(pool.map(attempt, ("west", "east")))
    assert outcomes == {True, AlreadyAnother.code}
    assert admin.execute("SELECT count(*) FROM ops.role_grant").fetchone() == (1,)


def test_names_and_owners_that_do_not_do_are_refused(services: Services) -> None:
    for workspace, owner in (
        ("", OWNER),
        ("West", OWNER),
        ("x" * 42, OWNER),
        ("west", "ada@x.example"),
        ("west", ""),
    ):
        with pytest.raises(OwnerUnfit):
            initialise(services, workspace, owner)


def test_the_marker_is_one_row_of_schema_v2_and_no_duty_may_touch_it(
    services: Services, stack: Stack, database: str, admin: psycopg.Connection
) -> None:
    """000-R7, 000-R18: constraints hold it; every login but the schema's owner is shut out."""
    initialise(services)
    for change in (
        "INSERT INTO ops.environment_marker VALUES (false, 'testing', 'x', 'v2', 1, now(), 'x')",
        "UPDATE ops.environment_marker SET schema_version = 'v1'",
        "UPDATE ops.environment_marker SET environment = 'moon'",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            admin.execute(change)
    for login in set(Login) - {Login.MIGRATOR}:
        with psycopg.connect(stack.login_url(login, database), autocommit=True) as duty:
            for change in (
                "UPDATE ops.environment_marker SET environment = 'testing'",
                "DELETE FROM ops.environment_marker",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    duty.execute(change)


def test_reading_it_needs_a_permission(services: Services) -> None:
    initialise(services)
    nobody = Actor(SourceType.HUMAN, OWNER, AuthMode.TOKEN)
    with pytest.raises(PermissionMissing):
        services.marker(services.call(nobody))
