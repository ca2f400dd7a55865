"""Places in a record that may be told to others than its sender, and kept.

A JSON Pointer may name a member that the sender invented, and that could be a person's name. So
what is told of a pointer ends at the first step that the contract does not know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.ingest.contracts import Contract, FieldType
from shared.kernel.errors import Item

_PLACE = re.compile(r"[0-9]{1,9}")
_ENVELOPE = frozenset(
    {"data", "data_base64", "datacontenttype", "dataschema", "id", "source", "specversion"}
    | {"subject", "time", "type"}
)


def safe_items(contract: Contract, items: Sequence[Item], at: str = "") -> tuple[Item, ...]:
    """Return what is wrong with a record that lies at ``at``, without names of the sender's own."""
    return tuple(
        Item(at + _known_part(contract, item.pointer.removeprefix(at)), item.code, item.message)
        for item in items
    )


def _known_part(contract: Contract, pointer: str) -> str:
    """Return a pointer as far as the contract, or an envelope around it, has such members."""
    fields = contract.fields
    inside_list = False
    kept = ""
    for step in pointer.split("/")[1:]:
        if inside_list:
            # A number is a place in a list; anywhere else it would be a name somebody chose.
            if not _PLACE.fullmatch(step):
                break
            inside_list = False
        elif step in fields:
            inside_list = fields[step].type is FieldType.LIST
            if inside_list:
                fields = contract.shapes[fields[step].of or ""]
        elif kept or step not in _ENVELOPE:
            break
        kept += f"/{step}"
    return kept
