"""How receipts are searched for over HTTP: what is asked for stands in the body, never in a URL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt, StrictStr, model_validator

from shared.ingest.contracts import named
from shared.ingest.lookups import EventSearch, PayloadSearch, Search, event_of
from shared.ingest.schema import Digest, ReceiptView
from shared.kernel import commands
from shared.kernel.inbound import Reply, Request

_ONE_OF: list[JsonValue] = [
    {"required": ["contract", "event_id"], "not": {"required": ["payload_hash"]}},
    {
        "required": ["payload_hash"],
        "not": {
            "anyOf": [{"required": [name]} for name in ("contract", "event_id", "run_id")],
        },
    },
]


class SearchCommand(BaseModel):
    """An event by its contract and id, or a payload by the keyed hash that a receipt shows."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"oneOf": _ONE_OF})

    contract: Annotated[StrictStr, Field(max_length=80)] = ""
    event_id: Annotated[
        list[StrictStr | StrictInt | None],
        Field(
            max_length=20,
            description="The values of the fields that the contract names events by, in its order.",
        ),
    ] = []
    run_id: Annotated[
        StrictStr | None,
        Field(
            max_length=30,
            description="Where the contract knows events by run; the standing run without it.",
        ),
    ] = None
    payload_hash: Digest | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        by_event = bool(self.contract and self.event_id)
        touched = bool(self.contract or self.event_id or self.run_id)
        if by_event == (self.payload_hash is not None) or (touched and not by_event):
            raise ValueError
        return self


class ReceiptsView(BaseModel):
    """The receipts that were found; none is no error."""

    model_config = ConfigDict(extra="forbid")

    receipts: list[ReceiptView]


def search(request: Request) -> Search:
    """Return what is looked for.

    Raises `ContractUnknown`, `EventIdUnfit`, and what `commands.read` raises.
    """
    asked = commands.read(SearchCommand, request)
    if asked.payload_hash is not None:
        return PayloadSearch(bytes.fromhex(asked.payload_hash))
    contract = named(asked.contract)
    return EventSearch(contract, event_of(contract, asked.event_id, "/event_id"), asked.run_id)


def found(bodies: Sequence[bytes]) -> Reply:
    """Return receipts as they stand in the ledger."""
    return Reply(b'{"receipts":[' + b",".join(bodies) + b"]}")
