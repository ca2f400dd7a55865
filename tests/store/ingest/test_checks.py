"""The gate's checks: each refusal has its code, and the earlier check speaks first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import orjson
import pytest

from shared.ingest.answers import key_digest
from shared.ingest.contracts import shipped
from shared.ingest.gate import IngestGate, Submission
from shared.kernel.errors import Conflict, Denied, Held, Invalid, Missing, OpsError, Unavailable
from shared.kernel.ids import TenantId
from shared.pii.vault import Vault
from tests.support.factories import an_order
from tests.support.fix_db import PRODUCER, World
from tests.support.fix_worlds import census, changed, facts, grow, new_tenant

ORDER = {
    "identity.permission_missing": Denied,
    "ingest.tenant_missing": Invalid,
    "ingest.handling_unsupported": Invalid,
    "ingest.contract_unknown": Missing,
    "ops.environment_differs": Unavailable,
    "ingest.tenant_unknown": Missing,
    "ingest.tenant_suspended": Held,
    "ingest.producer_not_granted": Denied,
    "ingest.policy_not_active": Unavailable,
    "ingest.policy_rev_missing": Invalid,
    "ingest.policy_rev_differs": Conflict,
    "ingest.idempotency_key_unfit": Invalid,
    "ingest.in_flight": Conflict,
    "ingest.idempotency_key_reused": Invalid,
    "ingest.body_unreadable": Invalid,
    "ingest.records_refused": Invalid,
    "ingest.payload_differs": Conflict,
}
"""Every refusal in the order in which the gate looks (design 4), with its shape."""

EXCLUSIVE = (
    {"ingest.tenant_missing", "ingest.tenant_unknown", "ingest.tenant_suspended"},
    {"ingest.tenant_missing", "ingest.tenant_unknown", "ingest.producer_not_granted"},
    {"ingest.policy_rev_missing", "ingest.policy_rev_differs"},
    {
        "ingest.idempotency_key_unfit",
        "ingest.in_flight",
        "ingest.idempotency_key_reused",
    },
    {"ingest.body_unreadable", "ingest.records_refused", "ingest.payload_differs"},
    # Nothing was admitted, and no key used, where nothing may be posted.
    {"ingest.contract_unknown", "ingest.in_flight"},
)
SILENT = {Denied, Missing, Held, Unavailable}
"""Refusals that leave no fact in the tenant's ledger: they are nobody's or nothing's fault."""


class Faults:
    """A gate that can be given any set of faults at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tenants = {
            (False, False): new_tenant(world),
            (True, False): new_tenant(world),
            (False, True): new_tenant(world, "vehicle-complaint.v1"),
            (True, True): new_tenant(world, "vehicle-complaint.v1"),
        }
        for suspended in (self.tenants[True, False], self.tenants[True, True]):
            # What stands there was admitted and answered before the suspension.
            if suspended == self.tenants[True, False]:
                self._prepare(suspended)
            world.services.provisioning.set_tenant_status(world.operator(), suspended, "suspended")
        self._prepare(self.tenants[False, False])
        self.stale = stale_gate(world)

    def _prepare(self, tenant: str) -> None:
        self.world.submit(an_order(1), tenant=tenant, idempotency_key="used")

    @contextmanager
    def request(  # noqa: C901, PLR0912 - one branch per fault
        self, codes: set[str]
    ) -> Iterator[tuple[IngestGate, object, Submission]]:
        """Everything valid, but for the faults that should be answered with ``codes``."""
        wants = {code.partition(".")[2] for code in codes}
        key = ("tenant_suspended" in wants, "producer_not_granted" in wants)
        call = self.world.producer(self.tenants[key])
        if "permission_missing" in wants:
            call = replace(call, actor=replace(call.actor, permissions=frozenset()))
        if "environment_differs" in wants:
            call = replace(call, environment="testing")
        if "tenant_unknown" in wants:
            call = replace(call, tenant_id=TenantId("tnt_" + "0" * 26))
        if "tenant_missing" in wants:
            call = replace(call, tenant_id=None)
        body = orjson.dumps(an_order(2))
        if "body_unreadable" in wants:
            body = body[:-1]
        if "records_refused" in wants:
            body = orjson.dumps({**an_order(2), "ro_status": "wrong"})
        if "payload_differs" in wants:
            body = orjson.dumps({**an_order(1), "ro_status": "closed"})
        wish = Submission(
            "nothing.v1" if "contract_unknown" in wants else "repair-order.v2",
            "application/json",
            body,
            self.world.services.policy.shipped,
        )
        if "policy_rev_missing" in wants:
            wish = replace(wish, policy_rev=None)
        if "policy_rev_differs" in wants:
            wish = replace(wish, policy_rev="f" * 64)
        if "handling_unsupported" in wants:
            wish = replace(wish, handling="sloppy")
        if "idempotency_key_unfit" in wants:
            wish = replace(wish, idempotency_key="")
        if "idempotency_key_reused" in wants:
            wish = replace(wish, idempotency_key="used")
        if "in_flight" in wants:
            wish = replace(wish, idempotency_key="flying")
        gate = self.stale if "policy_not_active" in wants else self.world.services.gate
        with self._flying(call, wish) if "in_flight" in wants else _nothing():
            yield gate, call, wish

    @contextmanager
    def _flying(self, call, wish) -> Iterator[None]:
        digest = key_digest(call, wish.contract, wish.idempotency_key)
        lock = int.from_bytes(digest[:8], "big", signed=True)
        with self.world.connect("ops_data") as other, other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
            yield


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def stale_gate(world: World) -> IngestGate:
    """The gate of a release whose contracts nobody has activated."""
    services = world.services
    return IngestGate(
        data=services.gate._data,
        keyring=services.keyring,
        vault=Vault(),
        documents=services.documents,
        contracts=shipped(),
        policy_rev="0" * 64,
        ids=services.ports.ids,
        telemetry=services.ports.telemetry,
        max_records=10,
        config_revision="0" * 64,
    )


@pytest.fixture(scope="module")
def faults(land: World) -> Faults:
    return Faults(land)


@pytest.mark.parametrize("code", ORDER)
def test_each_refusal_has_its_shape_and_code_and_leaves_at_most_one_fact(
    faults: Faults, code: str
) -> None:
    """000-R15, D24: one aggregated fact, written where the caller may write, and nothing else."""
    before = census(faults.world)
    with faults.request({code}) as (gate, call, wish), pytest.raises(OpsError) as refused:
        gate.submit(call, wish)
    after = changed(before, census(faults.world))

    assert refused.value.code == code
    assert isinstance(refused.value, ORDER[code])
    unwritten = {"ingest.tenant_missing", "ingest.handling_unsupported", "ingest.in_flight"}
    quiet = ORDER[code] in SILENT or code in unwritten
    assert after == ({} if quiet else {"fact": 1, "fact_key": 1})


def test_of_any_two_faults_the_earlier_check_speaks(faults: Faults) -> None:
    """Design 4: authorise, policy_rev, idempotency, parse, validate, claim; never another order."""
    wrong = []
    for first, second in itertools.combinations(ORDER, 2):
        if any({first, second} <= group for group in EXCLUSIVE):
            continue
        with (
            faults.request({first, second}) as (gate, call, wish),
            pytest.raises(OpsError) as refused,
        ):
            gate.submit(call, wish)
        if refused.value.code != first:
            wrong.append((first, second, refused.value.code))
    assert wrong == []


def test_a_foreign_tenant_cannot_be_told_from_one_that_does_not_exist(
    land: World, faults: Faults
) -> None:
    """Design 3: foreign is 404 with the same words; nothing is written into a foreign ledger."""
    foreign = land.services.provisioning.create_tenant(land.operator(), "foreign", "group")
    before = census(land)
    answers = set()
    for tenant_id in (TenantId(foreign.id), TenantId("tnt_" + "9" * 26)):
        for key in (None, "fine", "", "\n", "x" * 129):
            call = land.producer().for_tenant(tenant_id)
            wish = Submission("repair-order.v2", "application/json", b"{", None, key)
            with pytest.raises(OpsError) as refused:
                land.services.gate.submit(call, wish)
            answers.add((refused.value.code, str(refused.value), refused.value.items))
    assert [code for code, _, _ in answers] == ["ingest.tenant_unknown"]
    assert changed(before, census(land)) == {}


def test_a_disabled_principal_is_no_longer_there(stack, template, tmp_path) -> None:
    """000-R11, 002-R7: grants of a disabled service count for nothing."""
    with grow(stack, template, tmp_path) as world:
        world.submit(an_order(1))
        world.rows("UPDATE ops.principal SET status = 'disabled' RETURNING status")
        with pytest.raises(Missing) as refused:
            world.submit(an_order(2))
        assert refused.value.code == "ingest.tenant_unknown"


def test_a_suspended_tenant_takes_writes_again_when_it_is_active_again(
    land: World, tenant: str
) -> None:
    provisioning, operator = land.services.provisioning, land.operator()
    provisioning.set_tenant_status(operator, tenant, "suspended")
    with pytest.raises(Held):
        land.submit(an_order(1), tenant=tenant)
    provisioning.set_tenant_status(operator, tenant, "active")
    assert land.submit(an_order(1), tenant=tenant).admitted == 1


def test_a_revoked_grant_counts_from_the_next_request(land: World, tenant: str) -> None:
    provisioning, operator = land.services.provisioning, land.operator()
    provisioning.revoke_producer(operator, PRODUCER, tenant, "repair-order.v2")
    with pytest.raises(Denied):
        land.submit(an_order(1), tenant=tenant)


def test_a_refusal_names_the_policy_it_was_decided_under(land: World, tenant: str) -> None:
    """D2, 002-R13: a fact says environment, release and policy."""
    with pytest.raises(Invalid):
        land.submit({}, tenant=tenant)
    (fact,) = facts(land, "ingest:request:refused", tenant)
    assert fact["policy_rev"] == land.services.policy.shipped
    assert fact["environment"] == "local_parity"
    assert fact["service_release_id"] == land.services.settings.service_release_id
    assert fact["attributes"] == {
        "contract": "repair-order.v2",
        "code": "ingest.records_refused",
        "problems": 6,
    }
