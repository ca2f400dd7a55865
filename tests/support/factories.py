"""Valid things to begin a test with; keyword arguments change one part at a time."""

from __future__ import annotations

from typing import Any


def an_order(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A repair order of an invented person whose values also occur in the narratives."""
    order: dict[str, Any] = {
        "customer_first_name": "Wilhelmine",
        "customer_last_name": "Quastenflosser",
        "customer_phone": "(206) 555-0143",
        "customer_email": "w.quastenflosser@mail.example",
        "address_line_1": "4711 Nebelhorn Lane",
        "city": "Seattle",
        "state": "WA",
        "postal_code": "98101",
        "vin": "1M8GDM9AXKP042788",
        "license_plate": "QZX 4711",
        "ro_number": f"RO-{number:06}",
        "ro_status": "open",
        "opened_at": "2026-11-20T08:15:00Z",
        "advisor_id": "adv-17",
        "odometer_in": 84210,
        "vehicle_year": 2019,
        "vehicle_make": "Lincoln",
        "vehicle_model": "MKZ",
        "customer_complaint": (
            "Customer Wilhelmine Quastenflosser says brakes squeal; call 206-555-0143 "
            "or write w.quastenflosser@mail.example. VIN 1M8GDM9AXKP042788, P0420 stored."
        ),
        "labor_lines": [
            {
                "line_number": 1,
                "op_code": "BRK-01",
                "actual_hours": "1.50",
                "rate": 120,
                "extended_amount": "180.00",
                "technician_notes": "Replaced pads; told Ms Quastenflosser about the rotors.",
                "part_lines": [
                    {
                        "line_number": 1,
                        "part_number": "45022-TL0",
                        "quantity": 1,
                        "unit_price": "64.95",
                        "extended_price": "64.95",
                        "part_description": "front pad set",
                    }
                ],
            }
        ],
        "total_labor": "180.00",
        "total_parts": "64.95",
        "total_tax": "20.00",
        "grand_total": "264.95",
    }
    return {**order, **changes}


PLANTED = (
    "Wilhelmine",
    "Quastenflosser",
    "555-0143",
    "2065550143",
    "w.quastenflosser@mail.example",
    "Nebelhorn",
    "1M8GDM9AXKP042788",
    "QZX 4711",
)
"""What no surface but the vault may hold after an order went in."""


def a_complaint(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A vehicle complaint."""
    complaint: dict[str, Any] = {
        "odi_number": 10_000_000 + number,
        "make": "FORD",
        "model": "ESCAPE",
        "model_year": 2020,
        "received_on": "2024-02-19",
        "vin_prefix": "1FMCU9DZ3LU",
        "state": "Michigan",
        "city": "Gallatin",
        "narrative": "The contact stated that the engine stalled at 45 mph.",
    }
    return {**complaint, **changes}
