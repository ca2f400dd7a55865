"""Sample orders: the same bytes every time, admitted by the gate, rich in what must not leak."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import orjson
import pytest

from local.environment import PROJECT
from local.samples import CONTRACT, orders, planted, planted_kinds
from local.scan import Matcher
from shared.ingest.admission import Compiled
from shared.ingest.contracts import shipped
from shared.pii.redaction.validity import is_vin

MANY = 300
FREE_TEXT = {
    "customer_complaint",
    "additional_symptoms",
    "customer_requests",
    "advisor_notes",
    "internal_comments",
    "qc_notes",
}


@pytest.fixture(scope="module")
def many():
    return list(orders(MANY, seed=7, tenant="north"))


def texts(order):
    lines = order["labor_lines"]
    parts = [part for line in lines for part in line["part_lines"]]
    return "\n".join(
        [
            *(order[name] for name in sorted(FREE_TEXT)),
            *(line[name] for line in lines for name in ("technician_notes", "cause", "correction")),
            *(part["part_description"] for part in parts),
        ]
    )


def test_a_seed_gives_the_same_bytes_in_every_process(many):
    command = [sys.executable, "-m", "local.samples", "--count", "5", "--tenant", "north"]
    printed = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True).stdout
    assert printed == b"".join(orjson.dumps(order) + b"\n" for order in many[:5])


def test_fewer_orders_are_a_prefix_and_other_seeds_are_others(many):
    assert list(orders(20, 7, "north")) == many[:20]
    vins = {order["vin"] for order in many}
    for others in (orders(MANY, 8, "north"), orders(MANY, 7, "south")):
        assert not vins & {order["vin"] for order in others}


def test_every_order_keeps_the_contract(many):
    compiled = Compiled(shipped()[CONTRACT])
    assert [compiled.check(order)[1] for order in many] == [()] * MANY
    assert len({order["ro_number"] for order in many}) == MANY


def test_every_chassis_number_has_its_check_digit(many):
    assert all(is_vin(order["vin"].lower()) for order in many)


def test_nobody_could_be_reached(many):
    fictional = ("030 23125", "069 90009", "040 66969", "089 99998")
    for order in many:
        phone = order["customer_phone"]
        assert " 555-01" in phone or phone.startswith(fictional)
        assert "example" in order["customer_email"].partition("@")[2]


def test_some_customers_come_back_with_their_vehicle(many):
    visits = Counter(order["vin"] for order in many)
    assert 1 < max(visits.values()) < 5
    assert len(visits) > MANY * 0.7


def test_narratives_repeat_what_is_planted_in_more_than_one_spelling(many):
    found = Counter()
    for order in many:
        text = texts(order)
        assert 800 < len(text) < 5000
        matcher = Matcher(planted_kinds(order).items())
        found.update({form for _, form in matcher.find(text.encode())})
        assert matcher.find(text.encode())
    assert found["plain"] > MANY * 0.9
    assert found["normalised"] > MANY * 0.5


def test_planted_are_the_values_that_are_somebodys(many):
    order = many[0]
    assert {order["vin"], order["customer_email"], order["license_plate"]} <= planted(order)
    assert not {order["customer_first_name"], order["city"], order["state"]} & planted(order)


def test_the_gate_admits_all_of_them_and_keeps_nothing_of_them_in_sight(world):
    """50 orders through validation, vault and redaction on a real database: none is refused."""
    sample = list(orders(50, 7, "north"))
    answer = world.submit(*sample)
    assert (answer.admitted, answer.duplicates) == (50, 0)
    assert world.submit(*sample).duplicates == 50
    matcher = Matcher(item for order in sample for item in planted_kinds(order).items())
    for (stored,) in world.rows("SELECT semantic::text FROM ops.record"):
        assert not matcher.find(stored.encode())
