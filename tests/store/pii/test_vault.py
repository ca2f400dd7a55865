"""The vault on real Postgres: what is sealed opens in its own place alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ingest import batch
from shared.ingest.admission import Candidate, Compiled
from shared.ingest.answers import Answer
from shared.ingest.contracts import shipped
from shared.ingest.documents import Pending
from shared.ingest.entries import Frame
from shared.ingest.gate import Submission
from shared.kernel.db import Login
from shared.kernel.errors import OpsError
from shared.kernel.ids import ReceiptId, RunId, TenantId
from shared.pii.blind import Identifier, IdentifierKind, identifier
from shared.pii.errors import SealBroken
from shared.pii.keyring import Keys, unwrap, wrap
from shared.pii.redaction import Kind, KnownValue
from shared.pii.vault import Sealed, Secret, Vault, open_entry
from tests.support.factories import PLANTED, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import grow


@pytest.fixture(scope="module")
def sealed(stack, template, tmp_path_factory) -> Iterator[World]:
    """Two tenants, three orders each."""
    with grow(stack, template, tmp_path_factory.mktemp("sealed")) as world:
        for tenant in ("north", "south"):
            world.submit(*(an_order(n) for n in (1, 2, 3)), tenant=tenant)
        yield world


def keys_of(world: World, tenant: str) -> Keys:
    with world.services.database(Login.DATA).transaction(world.producer(tenant)) as tx:
        return world.services.keyring.of(tx, world.tenants[tenant])


def entries(world: World, tenant: str) -> list[tuple[ReceiptId, int, bytes, bytes]]:
    return world.rows(
        "SELECT receipt_id, key_version, nonce, ciphertext FROM ops.pii_vault"
        " WHERE tenant_id = %s ORDER BY receipt_id",
        world.tenants[tenant],
    )


def test_an_entry_opens_to_the_personal_fields_and_nothing_else(sealed: World) -> None:
    keys = keys_of(sealed, "north")
    for receipt_id, version, nonce, ciphertext in entries(sealed, "north"):
        opened = orjson.loads(open_entry(keys, receipt_id, version, nonce, ciphertext))
        order = an_order()
        assert opened == {
            name: order[name]
            for name in (
                "customer_first_name",
                "customer_last_name",
                "customer_phone",
                "customer_email",
                "address_line_1",
                "city",
                "state",
                "postal_code",
                "vin",
                "license_plate",
            )
        }


def test_no_planted_value_is_in_any_table_in_clear(sealed: World) -> None:
    """000-R20, D16: every column of every table, as text."""
    tables = sealed.rows(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'ops' AND c.relkind = 'r'"
    )
    for (table,) in tables:
        for (row,) in sealed.rows(f"SELECT t::text FROM ops.{table} t"):
            assert not any(planted in row for planted in PLANTED), table


def test_an_entry_in_another_row_tenant_or_version_does_not_open(sealed: World) -> None:
    """Design 5: bound to tenant, record and key version by associated data."""
    north, south = keys_of(sealed, "north"), keys_of(sealed, "south")
    (first, version, nonce, ciphertext), (second, *_), *_ = entries(sealed, "north")
    assert open_entry(north, first, version, nonce, ciphertext)
    same_key = Keys(TenantId(sealed.tenants["south"]), north.index, north.data, north.current)
    two_versions = replace(north, data={**north.data, 2: north.data[1]})
    for keys, receipt_id, at in (
        (north, second, version),
        (south, first, version),
        (same_key, first, version),
        (two_versions, first, 2),
        (north, first, 2),
    ):
        with pytest.raises(SealBroken):
            open_entry(keys, receipt_id, at, nonce, ciphertext)


def test_an_entry_with_any_changed_byte_does_not_open(sealed: World) -> None:
    keys = keys_of(sealed, "north")
    receipt_id, version, nonce, ciphertext = entries(sealed, "north")[0]
    for position in range(len(nonce)):
        changed = bytearray(nonce)
        changed[position] ^= 1
        with pytest.raises(SealBroken):
            open_entry(keys, receipt_id, version, bytes(changed), ciphertext)
    for position in range(len(ciphertext)):
        changed = bytearray(ciphertext)
        changed[position] ^= 128
        with pytest.raises(SealBroken):
            open_entry(keys, receipt_id, version, nonce, bytes(changed))
    with pytest.raises(SealBroken):
        open_entry(keys, receipt_id, version, nonce, ciphertext[:-1])


def test_no_two_entries_share_a_nonce(sealed: World) -> None:
    sealed.submit(*(an_order(n) for n in range(100, 600)), tenant="south")
    ((entries_in_all, nonces),) = sealed.rows(
        "SELECT count(*), count(DISTINCT nonce) FROM ops.pii_vault"
    )
    assert entries_in_all == nonces
    assert entries_in_all >= 506


def test_a_blind_index_finds_its_records_and_no_other_tenants(sealed: World) -> None:
    """D15: found by the digest of a differently spelled VIN, inside the tenant alone."""
    found = {}
    for tenant in ("north", "south"):
        index = keys_of(sealed, tenant).index
        digest = identifier(index, IdentifierKind.VIN, "1m8 gdm9axkp-042788").digest
        found[tenant] = sealed.rows(
            "SELECT count(DISTINCT receipt_id), count(DISTINCT tenant_id) FROM ops.blind_index"
            " WHERE digest = %s",
            digest,
        )[0]
    assert found["north"] == (3, 1)
    assert found["south"][1] == 1


def test_a_record_without_personal_fields_has_no_entry_and_is_covered(sealed: World) -> None:
    keys = keys_of(sealed, "north")
    call = sealed.producer("north")
    bare = Secret(ReceiptId("f" * 32), {}, ())
    with sealed.services.database(Login.DATA).transaction(call) as tx:
        proof = Vault().seal(tx, call, keys, [bare])
    assert proof.covers([bare.receipt_id])
    assert not proof.covers([bare.receipt_id, ReceiptId("e" * 32)])
    assert len(entries(sealed, "north")) == 3


def test_only_the_vault_makes_the_proof_that_something_is_sealed() -> None:
    """Design 5: vault first is a type; forging it is an error at run time."""
    for maker in (None, object(), Vault(), Sealed):
        with pytest.raises(OpsError):
            Sealed(frozenset(), maker=maker)
    with pytest.raises(TypeError):
        Sealed(frozenset())  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        Sealed.__new__(Sealed).covers([ReceiptId("0" * 32)])


def test_what_is_not_sealed_cannot_be_admitted(sealed: World) -> None:
    """The deterministic write looks at the proof, record by record."""
    keys, call = keys_of(sealed, "north"), sealed.producer("north")
    with sealed.services.database(Login.DATA).transaction(call) as tx:
        other = Vault().seal(tx, call, keys, [Secret(ReceiptId("d" * 32), {}, ())])
        candidate = Candidate(0, "", "x", bytes(32), bytes(32), {})
        ready = batch.Ready(candidate, {}, b"{}", b"{}", bytes(32))
        compiled = Compiled(shipped()["repair-order.v2"])
        frame = Frame(compiled.contract, RunId("run"), 1, "req", "rev", "config", "strict")
        with pytest.raises(OpsError, match="before its personal data is sealed"):
            batch.write(tx, call, compiled, [ready], other, [], frame)


VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=3, max_size=30).map(
    lambda text: "ZQ" + text
)


@settings(deadline=None, max_examples=60)
@given(VALUES)
def test_no_repr_shows_what_it_holds(value: str) -> None:
    """000-R20: reprs end up in tracebacks, and tracebacks on screens."""
    raw = value.encode()
    held = [
        Keys(TenantId("t"), raw, {1: raw}, 1, {"redactor": value}),
        Secret(ReceiptId("r"), {"vin": value}, (Identifier(IdentifierKind.VIN, raw),)),
        KnownValue(Kind.PERSON, value),
        Submission("c", "application/json", raw, "rev", value),
        Pending(None, "req", "digest", raw),  # type: ignore[arg-type]
        Candidate(0, "", "event", bytes(32), bytes(32), {"field": value}),
        Answer(raw, 0, 0),
    ]
    for thing in held:
        for text in (repr(thing), str(thing), f"{thing}", repr([thing]), repr({"k": thing})):
            assert value not in text, type(thing).__name__
            assert repr(value)[1:-1] not in text, type(thing).__name__
            assert repr(raw)[2:-1] not in text, type(thing).__name__


@settings(deadline=None, max_examples=30)
@given(
    st.binary(min_size=32, max_size=32),
    st.sampled_from(["data", "index"]),
    st.integers(1, 99),
)
def test_a_wrapped_key_opens_for_its_tenant_purpose_and_version_alone(
    key: bytes, purpose: str, version: int
) -> None:
    master, tenant = os.urandom(32), TenantId("tnt_a")
    wrapped = wrap(master, tenant, purpose, version, key)
    assert unwrap(master, tenant, purpose, version, wrapped) == key
    assert key not in wrapped
    assert wrap(master, tenant, purpose, version, key) != wrapped
    for wrong in (
        (os.urandom(32), tenant, purpose, version, wrapped),
        (master, TenantId("tnt_b"), purpose, version, wrapped),
        (master, tenant, "other", version, wrapped),
        (master, tenant, purpose, version + 1, wrapped),
        (master, tenant, purpose, version, wrapped[:-1]),
        (master, tenant, purpose, version, b""),
    ):
        with pytest.raises(SealBroken):
            unwrap(*wrong)
