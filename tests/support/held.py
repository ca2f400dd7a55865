"""Ways to put records into quarantine and to look at what is there."""

from __future__ import annotations

from typing import Any

import orjson

from shared.identity.roles import Role, permissions_of
from shared.ingest.answers import Answer
from shared.kernel.call import Call
from tests.support.factories import an_order
from tests.support.fix_db import World

LENIENT = {"handling": "lenient"}
NDJSON = "application/x-ndjson"


def told(answer: Answer) -> list[dict[str, Any]]:
    """The decisions of a request, in its order."""
    found: list[dict[str, Any]] = orjson.loads(answer.body)["records"]
    return found


def decisions(answer: Answer) -> list[str]:
    """The words alone."""
    return [record["decision"] for record in told(answer)]


def operator(world: World, tenant: str) -> Call:
    """A call of an owner inside a tenant, who is no producer."""
    call = world.operator(permissions_of([Role.PLATFORM_OWNER]))
    return call.for_tenant(world.tenants[tenant])


def bad(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An order that no contract takes."""
    return an_order(number, **{"ro_status": "exploded", **changes})


def leaking(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A valid order that repeats its customer's name where nothing is redacted."""
    return an_order(number, **{"vehicle_model": "Quastenflosser", **changes})


def hold(world: World, tenant: str, *records: dict[str, Any], **changes: Any) -> list[str]:
    """Send records of which none can be admitted; return their receipts."""
    answer = world.submit(*records, tenant=tenant, **{**LENIENT, **changes})
    assert set(decisions(answer)) == {"QUARANTINE"}
    return [record["receipt_id"] for record in told(answer)]


def states(world: World, tenant: str) -> dict[str, str]:
    """The state of every record that ever was in a tenant's quarantine, by receipt."""
    rows = world.rows(
        "SELECT receipt_id, state FROM ops.quarantine WHERE tenant_id = %s", world.tenants[tenant]
    )
    return {row[0]: row[1] for row in rows}


def copies(world: World, tenant: str) -> set[str]:
    """The receipts whose sealed copies are there."""
    rows = world.rows(
        "SELECT receipt_id FROM ops.quarantine_copy WHERE tenant_id = %s", world.tenants[tenant]
    )
    return {row[0] for row in rows}
