"""``opsplane contract``: the contracts that ship with this release; they are public text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, command, group

if TYPE_CHECKING:
    from shared.cli.session import Session
    from shared.ingest.contracts import Field


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "contract", "the contracts of this release; needs no credential")
    command(commands, "list", _list, "List every contract.", "opsplane contract list")
    show = command(
        commands,
        "show",
        _show,
        "Show the fields of a contract and their classes.",
        "opsplane contract show repair-order.v2",
    )
    show.add_argument("name", metavar="NAME")


def _list(session: Session) -> Answer:  # noqa: ARG001 - every command has one signature
    from shared.ingest.contracts import shipped

    found = shipped().values()
    return Answer(
        {"contracts": [{"name": one.name, "title": one.title} for one in found]},
        table((one.name, one.title) for one in found),
    )


def _show(session: Session) -> Answer:
    from shared.ingest.contracts import named

    contract = named(session.options.name)
    lines = [f"{contract.name}: {contract.title}", *_fields(contract.fields.values())]
    for shape, parts in contract.shapes.items():
        lines += [f"each of {shape}:", *_fields(parts.values())]
    return Answer({"name": contract.name, **contract.document}, lines)


def _fields(fields: Iterable[Field]) -> list[str]:
    rows = table(
        (
            field.name,
            field.type.value + (f" of {field.of}" if field.of else ""),
            field.field_class.value,
            "required" if field.required else "optional",
        )
        for field in fields
    )
    return [f"  {row}" for row in rows]
