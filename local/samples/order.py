"""Whole orders: who, what vehicle, what was said, and sums that are right to the cent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from local.samples.narratives import Narrator
from local.samples.people import person
from local.samples.vehicles import vehicle

CONTRACT = "repair-order.v2"

# Not today: the same seed gives the same bytes on every day.
_FIRST_DAY = datetime(2026, 6, 1, 7, 30, tzinfo=UTC)
_OPEN_MINUTES = 90
_STATUSES = ("open", "in_progress", "waiting_parts", "completed", "invoiced", "closed")
_RATES = (110, 120, 135, 149)
_COMES_BACK = 5
_TAX_PERCENT = 8
_MOST_LABOR_LINES = 3


def orders(count: int, seed: int = 7, tenant: str = "sample") -> Iterator[dict[str, Any]]:
    """Yield the first `count` orders of a seed and tenant; fewer are a prefix of more."""
    for number in range(count):
        yield _order(number, seed, tenant)


def _order(number: int, seed: int, tenant: str) -> dict[str, Any]:
    # Every fifth order is from somebody who has been here before, with the same vehicle.
    who_number = number // 2 if number % _COMES_BACK == _COMES_BACK - 1 else number
    origin = _draw(seed, tenant, "person", who_number)
    who, car = person(origin, who_number), vehicle(origin)
    draw = _draw(seed, tenant, "order", number)
    opened = _FIRST_DAY + timedelta(minutes=number * _OPEN_MINUTES + draw.randrange(_OPEN_MINUTES))
    odometer = draw.randrange(900, 180_000)
    narrator = Narrator(draw, who, car)
    lines = [
        _labor_line(draw, narrator, index + 1)
        for index in range(draw.randint(1, _MOST_LABOR_LINES))
    ]
    return {
        "customer_first_name": who.first,
        "customer_last_name": who.last,
        "customer_phone": who.phone,
        "customer_email": who.email,
        "address_line_1": who.street,
        "city": who.city,
        "state": who.state,
        "postal_code": who.postal_code,
        "vin": car.vin,
        "license_plate": who.plate,
        "ro_number": f"RO-{seed}-{number + 1:06}",
        "ro_status": draw.choice(_STATUSES),
        "opened_at": f"{opened:%Y-%m-%dT%H:%M:%SZ}",
        "advisor_id": f"adv-{draw.randrange(1, 30):02}",
        "department_code": "SVC",
        "waiter": draw.random() < 0.2,  # noqa: PLR2004 - few wait
        "customer_type": "retail",
        "preferred_contact": draw.choice(("phone", "text", "email")),
        "odometer_in": odometer,
        "odometer_out": odometer + draw.randrange(1, 30),
        "payment_method": draw.choice(("card", "cash", "check", "account")),
        "source_system": "samples",
        "vehicle_year": car.year,
        "vehicle_make": car.make,
        "vehicle_model": car.model,
        "vehicle_color": car.color,
        **narrator.order,
        "labor_lines": lines,
        **_totals(draw, lines),
    }


def _draw(seed: int, *names: object) -> random.Random:
    # A text seeds the same on every machine; the hash of a tuple would not.
    return random.Random("|".join(str(name) for name in (seed, *names)))  # noqa: S311 - samples


def _labor_line(draw: random.Random, narrator: Narrator, number: int) -> dict[str, Any]:
    quarters, rate = draw.randrange(1, 17), draw.choice(_RATES)
    return {
        "line_number": number,
        "op_code": draw.choice(("BRK-01", "DIAG-2", "BATT-1", "SUSP-7", "ELEC-4")),
        "labor_type": draw.choice(("customer_pay", "warranty", "goodwill")),
        "actual_hours": _amount(quarters * 25),
        "rate": rate,
        "extended_amount": _amount(quarters * 25 * rate),
        "technician_id": f"t{draw.randrange(1, 60):02}",
        **narrator.labor_line,
        "part_lines": [
            _part_line(draw, narrator, index + 1) for index in range(draw.randint(0, 2))
        ],
    }


def _part_line(draw: random.Random, narrator: Narrator, number: int) -> dict[str, Any]:
    quantity, cents = draw.randint(1, 4), draw.randrange(199, 48_000)
    return {
        "line_number": number,
        "part_number": narrator.part_number(),
        "quantity": quantity,
        "unit_price": _amount(cents),
        "extended_price": _amount(quantity * cents),
        "source": draw.choice(("stock", "ordered")),
        "part_description": narrator.part,
    }


def _totals(draw: random.Random, lines: list[dict[str, Any]]) -> dict[str, str]:
    labor = sum(_cents(line["extended_amount"]) for line in lines)
    parts = sum(_cents(part["extended_price"]) for line in lines for part in line["part_lines"])
    fees = draw.choice((0, 1250, 2500))
    discount = draw.choice((0, 0, 1000))
    tax = (parts * _TAX_PERCENT + 50) // 100
    return {
        "total_labor": _amount(labor),
        "total_parts": _amount(parts),
        "total_shop_fees": _amount(fees),
        "total_discount": _amount(discount),
        "total_tax": _amount(tax),
        "grand_total": _amount(labor + parts + fees + tax - discount),
    }


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _cents(amount: str) -> int:
    return int(amount.replace(".", ""))
