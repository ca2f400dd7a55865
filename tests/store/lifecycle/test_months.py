"""Ledger partitions: ready before they are needed, protected like the ledger they belong to."""

from __future__ import annotations

import psycopg
import pytest

from shared.kernel.call import PermissionMissing
from tests.support.factories import an_order
from tests.support.fix_db import World

_PARTITIONS = """
SELECT child.relname, child.relrowsecurity AND child.relforcerowsecurity
  FROM pg_inherits
  JOIN pg_class AS child ON child.oid = inhrelid
  JOIN pg_class AS parent ON parent.oid = inhparent
 WHERE parent.relnamespace = 'ops'::regnamespace AND parent.relkind = 'p'
   AND child.relname !~ '_other$'
"""


def test_an_initialised_environment_has_this_month_and_three_more(world: World) -> None:
    months = (202611, 202612, 202701, 202702)
    expected = {(f"{name}_{m}", True) for name in ("admission", "fact") for m in months}
    assert set(world.rows(_PARTITIONS)) == expected


def test_rows_lie_in_their_month_and_cannot_be_truncated_there(world: World) -> None:
    world.submit(an_order(1))
    assert world.rows("SELECT count(*) FROM ONLY ops.admission_202611") == [(1,)]
    with world.connect() as owner, pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute("TRUNCATE ops.admission_202611")
    for login in ("ops_data", "ops_control", "ops_seal", "ops_audit"):
        with world.connect(login) as duty, pytest.raises(psycopg.errors.InsufficientPrivilege):
            duty.execute("SELECT FROM ops.admission_202611")


def test_the_timer_stays_ahead_and_does_nothing_twice(world: World) -> None:
    months = world.services.months
    assert months.prepare(world.services.timer_call()) == 0
    world.clock.advance(days=62)
    assert months.prepare(world.services.timer_call()) == 4
    assert months.prepare(world.services.timer_call()) == 0


def test_a_month_that_rows_came_before_stays_where_it_is(world: World) -> None:
    world.clock.advance(days=200)
    world.submit(an_order(1))
    assert world.rows("SELECT count(*) FROM ONLY ops.admission_other") == [(1,)]
    world.services.months.prepare(world.services.timer_call())
    assert world.rows("SELECT count(*) FROM ops.admission") == [(1,)]
    assert world.submit(an_order(1)).duplicates == 1


def test_only_who_may_prepares_months(world: World) -> None:
    with pytest.raises(PermissionMissing):
        world.services.months.prepare(world.operator(frozenset()))
    with world.connect("ops_data") as data, pytest.raises(psycopg.errors.InsufficientPrivilege):
        data.execute("SELECT ops.prepare_ledger_months(203001, 1)")
