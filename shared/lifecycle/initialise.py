"""Says which environment a database belongs to, and who owns it first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from shared.governance.facts import CODE, OBJECT_ID, FactKind, record
from shared.identity.authority import demand
from shared.identity.roles import Role
from shared.kernel.call import Call
from shared.kernel.db import Database
from shared.kernel.errors import Conflict, Invalid, Missing
from shared.kernel.ids import IdSource
from shared.kernel.sql import Queries
from shared.lifecycle.months import prepare_months

_sql = Queries("shared.lifecycle")


class Permission(StrEnum):
    """Permissions of this room."""

    ENVIRONMENT_READ = "lifecycle:environment:read"


ENVIRONMENT_INITIALISED = FactKind(
    "lifecycle:environment:initialised",
    "The database was given to an environment, with its first platform owner.",
    {"environment": CODE, "owner": OBJECT_ID},
)
_WORKSPACE = re.compile(r"[a-z][a-z0-9-]{0,40}")


class AlreadyAnother(Conflict):
    """The database belongs to another environment; nothing turns one into another."""

    code = "lifecycle.already_another"
    title = "The database was initialised for another environment or workspace"


class NotInitialised(Missing):
    """Nobody said yet which environment the database belongs to."""

    code = "lifecycle.not_initialised"
    title = "The database is not initialised; see: opsplane environment init"


class OwnerUnfit(Invalid):
    """The owner is not an object id, or the workspace is not a name."""

    code = "lifecycle.owner_unfit"
    title = "Give the owner's directory object id (a UUID) and a short workspace name"


@dataclass(frozen=True, slots=True)
class Marker:
    """What the database says of itself."""

    environment: str
    workspace: str
    schema_version: str
    epoch: int


def marker(database: Database, call: Call) -> Marker:
    """Return what the database says of itself. Raises `NotInitialised`."""
    demand(call, Permission.ENVIRONMENT_READ)
    with database.transaction(call, read_only=True) as tx:
        found = tx.one(Marker, _sql.marker)
    if found is None:
        raise NotInitialised
    return found


def initialise(migrator: Database, call: Call, ids: IdSource, workspace: str, owner: str) -> bool:
    """Mark the database and register its first owner; ``False`` when that was done before.

    Raises `AlreadyAnother` when it was done for something else, `OwnerUnfit`.
    """
    owner = owner.lower()
    if not OBJECT_ID.fullmatch(owner) or not _WORKSPACE.fullmatch(workspace):
        raise OwnerUnfit
    row = {"now": call.now, "by": call.actor.actor_id}
    with migrator.transaction(call) as tx:
        marked = tx.run(
            _sql.mark_environment,
            {**row, "environment": call.environment, "workspace": workspace},
        )
        if not marked:
            found = tx.one(Marker, _sql.marker)
            if found is None or (found.environment, found.workspace) != (
                call.environment,
                workspace,
            ):
                raise AlreadyAnother
            return False
        prepare_months(tx, call.now)
        principal_id = ids.mint("prn", call.now)
        tx.run(_sql.register_owner, {**row, "principal_id": principal_id, "object_id": owner})
        tx.run(
            _sql.grant_owner,
            {**row, "principal_id": principal_id, "role": Role.PLATFORM_OWNER.value},
        )
        record(
            tx,
            call,
            ENVIRONMENT_INITIALISED,
            call.environment,
            environment=call.environment,
            owner=owner,
        )
    return True
