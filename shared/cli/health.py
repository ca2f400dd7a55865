"""``opsplane health``: the numbers that say whether the plane does its work by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, group, operator_command
from shared.cli.problems import FAILED, OK

if TYPE_CHECKING:
    from shared.cli.session import Session


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "health", "signals of health")
    operator_command(
        commands,
        "show",
        _show,
        f"Show every signal and how bad it is; exit code {FAILED}: one is critical.",
        "opsplane health show",
    )


def _show(session: Session) -> Answer:
    from shared.health.signals import Level, worst
    from shared.health.wire import signals_view

    found = session.services.signals.read(session.operator())
    rows = [(one.level.value, one.name, f"{one.value:g} {one.unit}", one.meaning) for one in found]
    code = FAILED if worst(found) is Level.CRITICAL else OK
    return Answer(signals_view(found).model_dump(mode="json"), table(rows), code)
