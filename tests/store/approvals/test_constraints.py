"""What Postgres itself holds, against code with a defect and against people with a login."""

from __future__ import annotations

from itertools import product
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from shared.approvals.model import MOVES, State
from shared.kernel.canonical import digest
from shared.kernel.db import Login
from tests.support.approving import TEXT, a_plan, approve, propose
from tests.support.fix_db import APPROVER, OWNER, World

ROW: dict[str, Any] = {
    "approval_id": "apr_" + "0" * 26,
    "tenant_id": None,
    "kind": "tests.anything",
    "subject": "thing",
    "plan": "{}",
    "plan_digest": digest("ops.plan.v1", b"{}").hex(),
    "state": "proposed",
    "requested_by": OWNER,
    "requested_at": "2026-11-21T08:00:00Z",
    "expires_at": "2026-11-22T08:00:00Z",
    "reason_code": "RELEASE",
    "reason_text": "x",
    "decided_by": None,
    "decided_at": None,
    "decision_code": None,
    "decision_text": None,
    "ended_by": None,
    "ended_at": None,
}
DECIDED = {
    "decided_by": APPROVER,
    "decided_at": "2026-11-21T09:00:00Z",
    "decision_code": "RELEASE",
    "decision_text": "",
}
ENDED = {"ended_by": "HUMAN::x", "ended_at": "2026-11-21T10:00:00Z"}


def insert(connection: psycopg.Connection, **changes: Any) -> None:
    row = {**ROW, **changes}
    connection.execute(
        sql.SQL("INSERT INTO ops.approval ({}) VALUES ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Literal, row.values())),
        )
    )


def violated(world: World, **changes: Any) -> str | None:
    """The name of the constraint that a row of any state breaks; the trigger looks away."""
    with world.connect() as admin:
        admin.execute("SET session_replication_role TO replica")
        try:
            with admin.transaction(force_rollback=True):
                insert(admin, **changes)
        except errors.CheckViolation as error:
            return error.diag.constraint_name
    return None


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        (None, {}),
        (None, {"state": "approved", **DECIDED}),
        (None, {"state": "effective", **DECIDED, **ENDED}),
        (None, {"state": "denied", **DECIDED, **ENDED}),
        (None, {"state": "withdrawn", **ENDED}),
        (None, {"state": "expired", **DECIDED, **ENDED}),
        ("approval_second_person", {"state": "approved", **DECIDED, "decided_by": OWNER}),
        ("approval_decided_has_person_and_time", {"state": "approved"}),
        ("approval_decided_has_person_and_time", {"state": "effective", **ENDED}),
        ("approval_decided_has_person_and_time", {"state": "denied", **ENDED}),
        ("approval_decided_has_person_and_time", DECIDED),
        ("approval_decision_is_whole", {"state": "approved", **DECIDED, "decided_at": None}),
        ("approval_ended_has_person_and_time", {"state": "withdrawn"}),
        ("approval_ended_has_person_and_time", ENDED),
        ("approval_ended_has_person_and_time", {"state": "expired", "ended_by": "x"}),
        ("approval_state_known", {"state": "perhaps", **ENDED}),
        ("approval_reason_known", {"reason_code": "BECAUSE"}),
        ("approval_reason_known", {"state": "approved", **DECIDED, "decision_code": "SO"}),
        ("approval_text_bounded", {"reason_text": "x" * 501}),
        ("approval_plan_is_digested", {"plan_digest": "0" * 64}),
        ("approval_plan_is_digested", {"plan": "[]"}),
        ("approval_people_are_object_ids", {"requested_by": "Ada"}),
        ("approval_people_are_object_ids", {"requested_by": OWNER.upper()}),
        ("approval_expires_later", {"expires_at": ROW["requested_at"]}),
        ("approval_id_shape", {"approval_id": "x"}),
    ],
)
def test_a_row_that_cannot_be_is_refused_by_name(
    shared_world: World, constraint: str | None, changes: dict[str, Any]
) -> None:
    assert violated(shared_world, **changes) == constraint


def test_one_request_is_open_per_plan(shared_world: World) -> None:
    """Also where there is no tenant: nulls are alike."""
    with (
        shared_world.connect(Login.CONTROL) as control,
        control.transaction(force_rollback=True),
    ):
        insert(control, subject="twice")
        with pytest.raises(errors.UniqueViolation) as refused:
            insert(control, subject="twice", approval_id="apr_" + "1" * 26)
    assert refused.value.diag.constraint_name == "approval_one_open"


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_a_state_moves_along_the_arrows_and_no_other_way(
    shared_world: World, before: State, after: State
) -> None:
    """Whoever tries: this is the administrator."""

    def row(state: State) -> dict[str, Any]:
        decided = DECIDED if state in (State.APPROVED, State.DENIED, State.EFFECTIVE) else {}
        return {"state": state.value, **decided, **({} if state in MOVES else ENDED)}

    with shared_world.connect() as admin, admin.transaction(force_rollback=True):
        admin.execute("SET LOCAL session_replication_role TO replica")
        insert(admin, **row(before))
        admin.execute("SET LOCAL session_replication_role TO origin")
        # A decision that was made stays as it is.
        kept = () if before is State.PROPOSED else DECIDED
        changes = {name: value for name, value in row(after).items() if name not in kept}
        update = sql.SQL("UPDATE ops.approval SET {} WHERE approval_id = {}").format(
            sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value))
                for name, value in changes.items()
            ),
            sql.Literal(ROW["approval_id"]),
        )
        allowed = after in MOVES.get(before, ()) or before is after
        if allowed:
            assert admin.execute(update).rowcount == 1
        else:
            with pytest.raises(errors.RestrictViolation) as refused:
                admin.execute(update)
            assert refused.value.diag.constraint_name == "approval_moves_forward"


def test_nothing_is_born_approved(shared_world: World) -> None:
    with shared_world.connect(Login.CONTROL) as control, pytest.raises(errors.RestrictViolation):
        insert(control, state="approved", **DECIDED)


def test_a_decision_cannot_be_given_to_somebody_else(shared_world: World) -> None:
    wanted = propose(shared_world, a_plan()).approval
    approve(shared_world, wanted)
    with shared_world.connect() as admin, pytest.raises(errors.RestrictViolation):
        admin.execute(
            "UPDATE ops.approval SET decided_by = %s WHERE approval_id = %s",
            ("00000000-0000-4000-8000-000000000fff", wanted.approval_id),
        )


def test_the_control_plane_cannot_change_what_was_asked_for(shared_world: World) -> None:
    """The plan that was shown, who asked, until when: no grant."""
    propose(shared_world, a_plan())
    fixed = set(ROW) - {"state", *DECIDED, *ENDED}
    with shared_world.connect(Login.CONTROL) as control:
        for column in sorted(fixed):
            with pytest.raises(errors.InsufficientPrivilege):
                control.execute(
                    sql.SQL("UPDATE ops.approval SET {c} = {c}").format(c=sql.Identifier(column))
                )
        for statement in ("DELETE FROM ops.approval", "TRUNCATE ops.approval"):
            with pytest.raises(errors.InsufficientPrivilege):
                control.execute(statement)


def test_the_audit_reads_everything_but_the_texts(shared_world: World) -> None:
    """D23."""
    wanted = propose(shared_world, a_plan()).approval
    with shared_world.connect(Login.AUDIT) as audit:
        audit.execute("SET ops.scope TO 'platform'")
        rows = audit.execute(
            "SELECT plan FROM ops.approval WHERE approval_id = %s", (wanted.approval_id,)
        ).fetchall()
        assert rows == [(wanted.plan,)]
        for column in ("reason_text", "decision_text", "*"):
            with pytest.raises(errors.InsufficientPrivilege):
                audit.execute(f"SELECT {column} FROM ops.approval")


def test_a_text_can_be_erased_and_nothing_else_with_it(shared_world: World) -> None:
    """D23: what names a person can go; the evidence stays."""
    wanted = propose(shared_world, a_plan()).approval
    approve(shared_world, wanted)
    with shared_world.connect() as admin:
        admin.execute(
            "UPDATE ops.approval SET reason_text = '', decision_text = '' WHERE approval_id = %s",
            (wanted.approval_id,),
        )
    found = shared_world.services.approvals.find(shared_world.operator(), wanted.approval_id)
    assert TEXT not in found.reason_text + (found.decision_text or "")
    assert found.state == "approved"
