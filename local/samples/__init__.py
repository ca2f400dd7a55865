"""Repair orders about people who do not exist: the same seed gives the same bytes.

Owns: `orders`, an endless supply of records that the contract `repair-order.v2` admits, and
`planted`, the values in them that no surface may ever show.
Never does: read a clock, the network or anything else but its arguments.

People, streets and towns come from word lists made up for this purpose. Phone numbers are from the
ranges that numbering authorities keep for fiction, mail addresses from the domains that RFC 2606
keeps for examples; chassis numbers carry a correct check digit. The narratives mention the record's
own values as people write them (a name turned round, a number without its dashes) among things that
only look alike: part numbers, fault codes, mileage, prices.
"""

from __future__ import annotations

from local.samples.order import CONTRACT, orders
from local.samples.planted import planted, planted_kinds

__all__ = ["CONTRACT", "orders", "planted", "planted_kinds"]
