"""What a verified caller may do.

A caller of the ingest gate is on the gate's allow-list (000-R11), so the token alone makes it a
producer; which contracts it may post for which tenant is a producer grant that the gate reads
inside its own transaction. Everyone else holds roles that were granted in the database.
"""

from __future__ import annotations

from dataclasses import replace

from shared.identity.roles import Role, permissions_of
from shared.kernel.call import Actor, Call, PermissionMissing, demand
from shared.kernel.db import Database, Tx
from shared.kernel.errors import EnvironmentDiffers
from shared.kernel.sql import Queries

__all__ = [
    "Authority",
    "PermissionMissing",
    "as_producer",
    "demand",
    "held_by_person",
    "is_producer",
]

_sql = Queries("shared.identity")

_SUBMIT = "ingest:record:submit"
"""Held by producers and by no operator role."""


def as_producer(actor: Actor) -> Actor:
    """Return a caller of the ingest gate with what producers may do."""
    return replace(actor, permissions=permissions_of([Role.PRODUCER]))


class Authority:
    """Reads role grants."""

    def __init__(self, control: Database) -> None:
        """Read as ``control``."""
        self._control = control

    def with_roles(self, call: Call) -> Call:
        """Return the call with the permissions of the roles its actor was granted.

        1. The database belongs to this environment (D1): nobody operates on another one by a
           wrong setting. Raises `EnvironmentDiffers`.
        2. Roles of an active principal count; a role that this release does not know allows
           nothing.
        """
        with self._control.transaction(call, read_only=True) as tx:
            environment = tx.value(_sql.environment)
            names = tx.values(_sql.roles_of, {"object_id": call.actor.subject})
        # (1) The marker, which only the owner of the schema can write.
        if environment is None:
            raise EnvironmentDiffers("The database is not initialised: opsplane environment init")
        if environment != call.environment:
            raise EnvironmentDiffers
        # (2) Known roles.
        roles = [Role(name) for name in names if name in Role]
        return replace(call, actor=replace(call.actor, permissions=permissions_of(roles)))


def held_by_person(tx: Tx, object_id: str) -> frozenset[str]:
    """Return what an active user may do by the roles it has at this moment; a service: nothing.

    For decisions that a permission read earlier, with the credential, must not carry.
    """
    names = tx.values(_sql.roles_of_person, {"object_id": object_id})
    return permissions_of(Role(name) for name in names if name in Role)


def is_producer(call: Call) -> bool:
    """Tell whether the caller came through the gate: it acts only where it has a grant."""
    return call.may(_SUBMIT)
