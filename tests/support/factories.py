"""Valid things to begin a test with; keyword arguments change one part at a time."""

from __future__ import annotations

from collections.abc import Callable
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


def a_transaction(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A card payment of an invented person, whose name also occurs in its memo."""
    transaction: dict[str, Any] = {
        "customer_first_name": "Balthasine",
        "customer_last_name": "Dreizackel",
        "customer_email": "b.dreizackel@mail.example",
        "customer_phone": "(206) 555-0168",
        "address_line_1": "4712 Nebelhorn Lane",
        "city": "Seattle",
        "state": "WA",
        "postal_code": "98101",
        "ip_address": "203.0.113.168",
        "transaction_id": f"txn-{number:08}",
        "occurred_at": "2026-11-20T08:15:00.250Z",
        "transaction_type": "purchase",
        "flow_id": f"flow-{number:08}",
        "arrival_seq": number,
        "channel": "ecommerce",
        "entry_mode": "credential_on_file",
        "merchant_id": "mer-0042",
        "merchant_category_code": "5732",
        "merchant_country": "US",
        "account_token": "acct_7d0b93e1c2",
        "card_token": "card_9f2c41d0a7",
        "device_token": "dev_1b44e9c3f0",
        "card_network": "visa",
        "amount": "107.45",
        "currency": "USD",
        "goods_amount": "95.00",
        "tax_amount": "9.50",
        "fee_amount": "2.95",
        "merchant_descriptor": "NORTHSIDE ELECTRONICS 0042",
        "memo": "Gift for Balthasine Dreizackel, receipt to b.dreizackel@mail.example.",
    }
    return {**transaction, **changes}


def a_finding(number: int = 1, **changes: Any) -> dict[str, Any]:
    """What one check said about one directory in one scan; it names an account."""
    finding: dict[str, Any] = {
        **an_old_finding(number),
        "tool_version": "1.5.0",
        "target_type": "directory",
        "category": "Accounts",
        "outcome_reported": "Fail",
        "severity_reported": "High",
        "recurrence_key": f"MS.AAD.{number}",
        "sla_days": 30,
        "description": "Accounts with a role must use a second factor.",
        "remediation": "Register a second factor for every account with a role.",
        "affected_user_name": "Ottokarine Blaufelchen",
        "affected_user_email": "o.blaufelchen@mail.example",
        "affected_ip_address": "203.0.113.77",
    }
    return {**finding, **changes}


def an_old_finding(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The same observation by a writer that knows no life cycle."""
    finding: dict[str, Any] = {
        "tool": "ScubaGear",
        "scan_id": "2026-11-20T08:15:00.420Z",
        "observed_at": "2026-11-20T08:15:00.420Z",
        "target": "north.onmicrosoft.example",
        "check_id": f"MS.AAD.{number}v1",
        "outcome": "failed",
        "severity": "high",
        "instances": 1,
        "title": "A second factor is required",
        "details": "1 account without: Ottokarine Blaufelchen (o.blaufelchen@mail.example).",
    }
    return {**finding, **changes}


RECORDS: dict[str, Callable[..., dict[str, Any]]] = {
    "finding.v0": an_old_finding,
    "finding.v1": a_finding,
    "repair-order.v2": an_order,
    "transaction.v1": a_transaction,
    "vehicle-complaint.v1": a_complaint,
}
"""What makes a valid record of each shipped contract."""
