"""Which event is meant: the values of its id as a caller gives them, as the gate would keep them.

An event id is never part of a URL: a sender may have put a person's number into it (000-R20).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.ingest.contracts import Contract
from shared.ingest.errors import EventIdUnfit
from shared.ingest.shape import normalised
from shared.kernel.errors import Item

type Value = str | int | None


@dataclass(frozen=True, slots=True)
class EventSearch:
    """An event of a contract, and the run to look in if the contract knows events by run."""

    contract: Contract
    event: tuple[str, ...] = field(repr=False)
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class PayloadSearch:
    """The keyed payload hash that a receipt shows."""

    payload_hash: bytes


type Search = EventSearch | PayloadSearch


def event_of(contract: Contract, values: Sequence[Value], at: str = "") -> tuple[str, ...]:
    """Return an event id as the gate keeps it; fields at the end that are absent may be left out.

    Raises `EventIdUnfit`, with pointers below ``at``, for values that no record could have.
    """
    names = contract.event_id
    if len(values) > len(names):
        raise EventIdUnfit(f"An event of this contract is named by {', '.join(names)}")
    given = (*values, *[None] * (len(names) - len(values)))
    event: list[str] = []
    wrong: list[Item] = []
    for index, (name, value) in enumerate(zip(names, given, strict=True)):
        try:
            found = normalised(contract.fields[name], value)
        except ValueError:
            wrong.append(Item(f"{at}/{index}", "value_unfit", f"no record has such a {name}"))
        else:
            event.append("" if found is None else str(found))
    if wrong:
        raise EventIdUnfit(items=tuple(wrong))
    return tuple(event)
