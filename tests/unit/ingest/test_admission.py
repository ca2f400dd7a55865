"""What a valid record becomes: its identity, its payload and its parts by class."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ingest.admission import Candidate, Compiled, record_hash
from shared.ingest.contracts import parse, shipped
from shared.kernel.canonical import NotCanonical, canonical, keyed_digest
from shared.kernel.ids import RunId, TenantId
from tests.support.factories import a_complaint, an_order

PAIR = """
title = "Pair"
event_class = "pair"
event_id = ["first", "second"]
event_time = "at"
dedupe_scope = "{scope}"
partition_key = ["second", "first"]
partitioning_profile = "p.v1"
[fields]
first = {{ class = "deterministic", type = "text", required = true }}
second = {{ class = "deterministic", type = "text" }}
at = {{ class = "deterministic", type = "date", required = true }}
"""
TENANT = Compiled(parse("pair.v1", PAIR.format(scope="tenant")))
RUN = Compiled(parse("pair.v1", PAIR.format(scope="run")))
ORDER = Compiled(shipped()["repair-order.v2"])
KEY = bytes(range(32))


def candidate(
    compiled: Compiled, record, tenant: str = "t", run: str = "r", key: bytes = KEY
) -> Candidate:
    return compiled.identify(0, "", record, TenantId(tenant), RunId(run), key)


def pair(first: str, second: str) -> dict[str, str]:
    return {"first": first, "second": second, "at": "2026-01-01"}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@settings(deadline=None)
@given(TEXT, TEXT, TEXT, TEXT)
def test_two_event_ids_are_one_only_if_each_part_is(a: str, b: str, c: str, d: str) -> None:
    """However the parts are cut: no separator can be put into one of them."""
    one, other = candidate(TENANT, pair(a, b)), candidate(TENANT, pair(c, d))
    assert (one.dedupe_key == other.dedupe_key) == ((a, b) == (c, d))
    assert (one.payload_hash == other.payload_hash) == ((a, b) == (c, d))


def test_parts_that_hold_the_separator_are_told_apart() -> None:
    keys = {
        candidate(TENANT, pair(*parts)).dedupe_key
        for parts in (("a|b", "c"), ("a", "b|c"), ("a|b|c", ""), ('a","b', "c"))
    }
    assert len(keys) == 4


def test_the_run_counts_only_where_the_contract_says_so() -> None:
    """002-B: dedupe tuple (run, event class, event id); a contract may leave the run out."""
    record = pair("a", "b")
    one, other = (candidate(TENANT, record, run=run) for run in ("r1", "r2"))
    assert one.dedupe_key == other.dedupe_key
    one, other = (candidate(RUN, record, run=run) for run in ("r1", "r2"))
    assert one.dedupe_key != other.dedupe_key
    assert candidate(RUN, record).dedupe_key != candidate(TENANT, record).dedupe_key


def test_tenant_and_key_are_part_of_every_digest() -> None:
    record = pair("a", "b")
    mine, theirs = candidate(TENANT, record), candidate(TENANT, record, tenant="u")
    assert mine.dedupe_key != theirs.dedupe_key
    rekeyed = candidate(TENANT, record, key=bytes(32))
    assert rekeyed.dedupe_key == mine.dedupe_key
    assert rekeyed.payload_hash != mine.payload_hash
    assert mine.receipt_id == mine.dedupe_key.hex()[:32]


def test_the_partition_is_the_first_field_that_is_there() -> None:
    """002-B: first present key."""
    assert TENANT.partition_key(pair("a", "b")) == "b"
    assert TENANT.partition_key({"first": "a"}) == "a"


def texts_of(value: Any, at: str = "") -> dict[str, str]:
    """Every text of a tree by JSON Pointer."""
    if isinstance(value, str):
        return {at: value}
    if not isinstance(value, (dict, list)):
        return {}
    found: dict[str, str] = {}
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        found |= texts_of(item, f"{at}/{step}")
    return found


def test_only_text_that_a_sender_chose_is_searched_for_personal_values() -> None:
    """A time can look like the end of a VIN: 2044-06 is 204406."""
    found = ORDER.free_texts(ORDER.split(an_order(1)).deterministic)
    assert {pointer.rpartition("/")[2] for pointer, _ in found} == {
        "ro_number",
        "advisor_id",
        "vehicle_make",
        "vehicle_model",
        "op_code",
        "part_number",
    }


def test_a_record_is_split_by_class_and_nothing_of_it_is_lost() -> None:
    """000-B: mutually exclusive classes; free text of lines is found by its pointer."""
    order = an_order(1)
    parts = ORDER.split(order)
    assert parts.personal.keys() & parts.deterministic.keys() == set()
    assert parts.semantic.keys() == {
        "/customer_complaint",
        "/labor_lines/0/technician_notes",
        "/labor_lines/0/part_lines/0/part_description",
    }
    flat = texts_of(parts.deterministic) | parts.semantic
    flat |= {f"/{name}": value for name, value in parts.personal.items()}
    assert flat == texts_of(order)
    assert order == an_order(1), "the record itself is left as it is"


def test_a_lone_surrogate_has_no_identity() -> None:
    with pytest.raises(NotCanonical):
        candidate(TENANT, pair("\ud800", ""))


def test_the_hash_of_what_is_stored_depends_on_each_part_and_on_the_key() -> None:
    parts = ORDER.split(an_order(1))
    stored, text = canonical(parts.deterministic), canonical(parts.semantic)
    hashes = {
        record_hash(KEY, stored, text),
        record_hash(bytes(32), stored, text),
        record_hash(KEY, canonical({**parts.deterministic, "odometer_in": 1}), text),
        record_hash(KEY, stored, canonical({**parts.semantic, "/customer_complaint": "x"})),
    }
    assert len(hashes) == 4
    both = canonical({"deterministic": parts.deterministic, "semantic": parts.semantic})
    assert record_hash(KEY, stored, text) == keyed_digest(KEY, "ops.record.v1", both)


def test_an_identifier_needs_all_of_its_fields() -> None:
    """D14: (plate, state), (first, last), (street, city, postal code)."""
    full = ORDER.split(an_order(1)).personal
    assert len(ORDER.identifiers(full, KEY)) == 6
    for name, lost in (("state", 1), ("customer_last_name", 1), ("city", 1), ("vin", 1)):
        for kept in ({**full, name: ""}, {n: v for n, v in full.items() if n != name}):
            assert len(ORDER.identifiers(kept, KEY)) == 6 - lost


def test_a_complaint_without_a_place_identifies_nobody() -> None:
    compiled = Compiled(shipped()["vehicle-complaint.v1"])
    record = a_complaint(1)
    assert len(compiled.identifiers(compiled.split(record).personal, KEY)) == 1
    del record["city"]
    assert compiled.identifiers(compiled.split(record).personal, KEY) == ()
