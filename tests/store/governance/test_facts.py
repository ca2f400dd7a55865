"""Facts: declared or refused, written once with what they tell about, never changed."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest

from shared.governance.facts import CODE, FactKind, FactUnfit, record
from shared.governance.vocabulary import CREDENTIALS_REFUSED
from shared.identity.vocabulary import GROUP_CREATED, TENANT_STATUS_CHANGED
from shared.kernel.canonical import canonical
from shared.kernel.db import Login
from shared.kernel.ids import TenantId
from tests.support.factories import an_order
from tests.support.fix_db import World

GROUP = "grp_" + "0" * 26
REFUSED: dict[str, Any] = {"code": "a.b", "caller": "unverified", "minute": 1, "denials": 1}


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def count(world: World, fact_id: str) -> int:
    found: int = world.rows("SELECT count(*) FROM ops.fact WHERE fact_id = %s", fact_id)[0][0]
    return found


class TestVocabulary:
    """000-R19, 000-R20, D3: allow-listed metadata, and nothing by accident."""

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": "Ada Byron"},
            {"code": None},
            {"code": "A sentence about somebody"},
            {"code": "a" * 257},
            {"caller": "ada@x.example"},
            {"minute": True},
            {"minute": "1"},
            {"denials": 1.5},
        ],
    )
    def test_what_is_not_declared_or_out_of_shape_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(FactUnfit) as refused:
            CREDENTIALS_REFUSED.fit({**REFUSED, **wrong})
        for value in wrong.values():
            assert not isinstance(value, str) or len(value) < 3 or value not in str(refused.value)

    def test_a_missing_attribute_is_refused(self) -> None:
        with pytest.raises(FactUnfit):
            CREDENTIALS_REFUSED.fit({"code": "a.b"})

    @pytest.mark.parametrize(
        "name", [GROUP_CREATED.name, "no-grammar", "a:b", "A:b:c", "a:b:c:d", "a:b:c "]
    )
    def test_a_name_is_declared_once_and_follows_the_grammar(self, name: str) -> None:
        before = dict(FactKind.registry)
        with pytest.raises(ValueError):
            FactKind(name, "", {"code": CODE})
        assert FactKind.registry == before

    def test_an_unfit_fact_undoes_what_it_was_to_tell_about(
        self, shared_world: World, key: str
    ) -> None:
        control = shared_world.services.database(Login.CONTROL)
        call = shared_world.operator()

        def create() -> None:
            with control.platform(call) as tx:
                tx.run(
                    b"INSERT INTO ops.tenant_group VALUES (%(key)s, %(key)s, now(), 'x')",
                    {"key": key},
                )
                record(tx, call, GROUP_CREATED, key, group_id="Ada Byron")

        with pytest.raises(FactUnfit):
            create()
        assert shared_world.rows("SELECT count(*) FROM ops.tenant_group WHERE name = %s", key) == [
            (0,)
        ]


class TestRecording:
    """One fact per kind, tenant and key, in the transaction of what it tells about."""

    def test_a_repeat_writes_nothing(self, shared_world: World, key: str) -> None:
        control = shared_world.services.database(Login.CONTROL)
        ids = set()
        for _ in range(2):
            call = shared_world.operator()
            with control.platform(call) as tx:
                ids.add(record(tx, call, GROUP_CREATED, key, group_id=GROUP))
        [fact_id] = ids
        assert count(shared_world, fact_id) == 1

    def test_a_row_is_its_canonical_text(self, shared_world: World, key: str) -> None:
        """Design 2.5: what is proven is what is queried."""
        control = shared_world.services.database(Login.CONTROL)
        call = shared_world.operator()
        with control.platform(call) as tx:
            fact_id = record(tx, call, GROUP_CREATED, key, group_id=GROUP)
        [(text, body, name, actor_id, month)] = shared_world.rows(
            "SELECT body, body::jsonb, name, actor_id, month FROM ops.fact WHERE fact_id = %s",
            fact_id,
        )

        assert canonical(body) == text.encode()
        assert (name, actor_id, month) == (GROUP_CREATED.name, call.actor.actor_id, 202611)
        assert (body["source_type"], body["auth_mode"]) == ("HUMAN", "token")
        assert body["environment"] == "local_parity"
        # What makes a fact unique is hashed into its id and kept nowhere.
        assert key not in text

    def test_it_leaves_with_a_transaction_that_fails(self, shared_world: World, key: str) -> None:
        control = shared_world.services.database(Login.CONTROL)
        call = shared_world.operator()
        recorded = []

        def fail() -> None:
            with control.platform(call) as tx:
                recorded.append(record(tx, call, GROUP_CREATED, key, group_id=GROUP))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        [fact_id] = recorded
        assert count(shared_world, fact_id) == 0

    def test_nobody_records_inside_another_tenant(self, shared_world: World, key: str) -> None:
        """000-R3: row-level security holds for evidence, too."""
        data = shared_world.services.database(Login.DATA)
        call = shared_world.producer("north")
        elsewhere = call.for_tenant(TenantId(shared_world.tenants["south"]))
        with pytest.raises(psycopg.errors.InsufficientPrivilege), data.transaction(call) as tx:
            record(tx, elsewhere, TENANT_STATUS_CHANGED, key, status="active")


class TestAppendOnly:
    """What is in stays in, as it is: by grant, and by trigger where grants do not hold."""

    CHANGES = (
        "UPDATE ops.{} SET body = body",
        "DELETE FROM ops.{}",
        "TRUNCATE ops.{}",
    )
    LEDGERS = ("fact", "fact_202611", "admission", "admission_202611")

    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def admitted(shared_world: World) -> None:
        """A trigger fires per row, so there has to be one."""
        shared_world.submit(an_order())

    @pytest.mark.parametrize("login", sorted(set(Login) - {Login.MIGRATOR}))
    def test_no_duty_may_change_a_ledger(self, shared_world: World, login: str) -> None:
        with shared_world.connect(login) as duty:
            for ledger in self.LEDGERS:
                for change in self.CHANGES:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        duty.execute(change.format(ledger))

    @pytest.mark.parametrize("ledger", LEDGERS)
    def test_not_even_the_administrator_does_so_by_mistake(
        self, shared_world: World, ledger: str
    ) -> None:
        with shared_world.connect() as admin:
            for change in self.CHANGES:
                with pytest.raises(psycopg.errors.RestrictViolation):
                    admin.execute(change.format(ledger))
