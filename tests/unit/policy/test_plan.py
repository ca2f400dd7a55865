"""What an activation would change: complete, readable, and the same for the same two policies."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.approvals.model import LARGEST_PLAN
from shared.ingest.contracts import policy_document, shipped
from shared.policy.plan import NOTHING, InForce, change

PARTS = st.dictionaries(
    st.sampled_from(["title", "fields", "rules"]),
    st.one_of(
        st.sampled_from(["a", "b"]),
        st.dictionaries(st.sampled_from(["vin", "city"]), st.integers(0, 1)),
    ),
)
CONTRACTS = st.dictionaries(st.sampled_from(["a.v1", "b.v1", "c.v1"]), PARTS)


def written(contracts: object) -> bytes:
    return orjson.dumps({"policy": "ingest", "contracts": contracts})


@given(CONTRACTS, CONTRACTS)
def test_every_contract_that_differs_is_named_and_no_other(before, after) -> None:
    found = change(InForce("1" * 64, written(before).decode()), "2" * 64, written(after))
    named = {*found.added, *found.removed, *found.changed}
    assert named == {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
    assert all(found.changed.values())
    for name, parts in found.changed.items():
        told = {part.partition(".")[0] for part in parts}
        assert told == {
            part
            for part in before[name].keys() | after[name].keys()
            if before[name].get(part) != after[name].get(part)
        }


def test_a_field_that_changed_is_named_and_its_values_are_not() -> None:
    before = {"a.v1": {"title": "x", "fields": {"vin": {"class": "pii"}, "city": {}}}}
    after = {"a.v1": {"title": "x", "fields": {"vin": {"class": "semantic"}, "city": {}}}}
    found = change(InForce("1" * 64, written(before).decode()), "2" * 64, written(after))
    assert found.changed == {"a.v1": ("fields.vin",)}
    assert "semantic" not in found.plan().text


def test_where_very_much_differs_the_part_is_named() -> None:
    before = {"a.v1": {"fields": {f"f{n}": 1 for n in range(100)}}}
    found = change(InForce("1" * 64, written(before).decode()), "2" * 64, written({"a.v1": {}}))
    assert found.changed == {"a.v1": ("fields",)}


def test_the_first_activation_adds_everything() -> None:
    document = policy_document(shipped())
    found = change(None, "2" * 64, document)
    assert found.due
    assert list(found.added) == list(shipped())
    assert found.document()["from"] == NOTHING
    assert len(found.plan().text) < LARGEST_PLAN


@pytest.mark.parametrize("contracts", [{}, {"a.v1": {"title": "x"}}])
def test_the_same_revision_is_not_due(contracts: object) -> None:
    held = InForce("1" * 64, written(contracts).decode())
    assert not change(held, "1" * 64, written(contracts)).due
