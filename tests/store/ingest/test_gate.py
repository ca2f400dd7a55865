"""The gate on real Postgres: one request, one transaction, one answer."""

from __future__ import annotations

import orjson

from tests.support.factories import an_order
from tests.support.fix_db import World


def test_a_valid_order_is_admitted_once_and_is_a_duplicate_after_that(world: World) -> None:
    """002-R13, design 4: same key and same payload is DUPLICATE with the first receipt."""
    first = orjson.loads(world.submit(an_order()).body)
    again = orjson.loads(world.submit(an_order()).body)

    assert [r["decision"] for r in first["records"]] == ["ADMIT"]
    assert [r["decision"] for r in again["records"]] == ["DUPLICATE"]
    assert again["records"][0]["receipt_id"] == first["records"][0]["receipt_id"]
    assert world.rows("SELECT count(*) FROM ops.admission") == [(1,)]
