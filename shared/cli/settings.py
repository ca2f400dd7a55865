"""``opsplane settings``: whether the environment variables make a working configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, command, group

if TYPE_CHECKING:
    from shared.cli.session import Session


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "settings", "the configuration, which is environment variables")
    command(
        commands,
        "check",
        _check,
        "Check every setting and print all problems at once; secrets are never shown.",
        "opsplane settings check",
    )


def _check(session: Session) -> Answer:
    from dataclasses import fields

    from shared.kernel.settings import Settings

    settings = Settings.from_env(session.environment)
    shown = {
        item.metadata["name"]: _shown(getattr(settings, item.name), secret=item.metadata["secret"])
        for item in fields(settings)
    }
    return Answer({"valid": True, "settings": shown}, ["valid", *table(shown.items())])


def _shown(value: object, *, secret: bool) -> str:
    if secret:
        return "(set)" if value else "(empty)"
    if isinstance(value, (frozenset, tuple)):
        return ",".join(sorted(str(part) for part in value)) or "(empty)"
    return str(value) or "(empty)"
