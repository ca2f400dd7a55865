"""``opsplane db``: the schema, as the migrator's database login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, command, group

if TYPE_CHECKING:
    from shared.cli.session import Session
    from shared.kernel.migrate import Migration


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "db", "the database schema")
    migrate = command(
        commands,
        "migrate",
        _migrate,
        "Apply the migrations that are due; run again, it does nothing.",
        "opsplane db migrate --phase pre --dry-run",
    )
    migrate.add_argument(
        "--phase",
        choices=("pre", "post", "all"),
        default="all",
        help="pre: before a release; post: after it; each stops at the other's first file "
        "(default: all)",
    )
    migrate.add_argument(
        "--dry-run", action="store_true", help="tell what would be applied; write nothing"
    )
    command(commands, "status", _status, "Tell which migrations are applied.", "opsplane db status")


def _migrate(session: Session) -> Answer:
    from shared.kernel.db import Login
    from shared.kernel.migrate import migrate, plan

    options, services = session.options, session.services
    work = plan if options.dry_run else migrate
    files = work(
        services.login_url(Login.MIGRATOR), options.phase, services.settings.environment.value
    )
    said = "would apply" if options.dry_run else "applied"
    return Answer(
        {"dry_run": options.dry_run, "migrations": [_document(file) for file in files]},
        [f"{said} {_name(file)}" for file in files] or ["nothing is due"],
    )


def _status(session: Session) -> Answer:
    from shared.kernel.clock import instant
    from shared.kernel.db import Login
    from shared.kernel.migrate import status

    rows = [
        (found.migration, instant(found.applied_at) if found.applied_at else None)
        for found in status(session.services.login_url(Login.MIGRATOR))
    ]
    return Answer(
        {
            "due": sum(applied_at is None for _, applied_at in rows),
            "migrations": [{**_document(file), "applied_at": at} for file, at in rows],
        },
        table((_name(file), at or "due") for file, at in rows),
    )


def _name(file: Migration) -> str:
    return f"{file.number:04}_{file.phase}_{file.name}"


def _document(file: Migration) -> dict[str, object]:
    return {"number": file.number, "phase": file.phase, "name": file.name}
