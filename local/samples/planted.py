"""What of an order no surface may show: the values that are somebody's, and nobody else's.

First names, towns, states and postal codes are personal too, and stand in every phone book of
their own right: a surface that holds one of those alone proves nothing, so they are not planted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FIELDS = {
    "customer_last_name": "last name",
    "customer_phone": "phone",
    "customer_email": "email",
    "address_line_1": "street",
    "vin": "vin",
    "license_plate": "plate",
}


def planted_kinds(order: Mapping[str, Any]) -> dict[str, str]:
    """Return kind -> value of everything planted in an order."""
    found = {kind: order[field] for field, kind in _FIELDS.items() if order.get(field)}
    found["full name"] = f"{order['customer_first_name']} {order['customer_last_name']}"
    found["vin tail"] = order["vin"][-8:]
    return found


def planted(order: Mapping[str, Any]) -> set[str]:
    """Return everything planted in an order."""
    return set(planted_kinds(order).values())
