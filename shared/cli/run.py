"""``opsplane run``: platform runs, the evidence windows that records are admitted into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, Parser, group, operator_command

if TYPE_CHECKING:
    from shared.cli.session import Session
    from shared.ingest.runs import Run

OUTCOMES = ("ended", "cancelled")
_EXAMPLE_ID = "run_01m7yhx300mjspsc860mrr5a4f"


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "run", "platform runs: evidence windows, in segments by policy")
    _inside(
        operator_command(
            commands,
            "list",
            _list,
            "List the newest platform runs of a tenant.",
            "opsplane run list --tenant north",
        )
    )
    show = _inside(
        operator_command(
            commands,
            "show",
            _show,
            "Show a run with its segments.",
            f"opsplane run show {_EXAMPLE_ID} --tenant north",
        )
    )
    show.add_argument("run_id", metavar="RUN_ID")
    opening = _inside(
        operator_command(
            commands,
            "open",
            _open,
            "Open a run under the policy of this release, which has to be the active one.",
            "opsplane run open --tenant north --key 2026-11-21",
        )
    )
    opening.add_argument("--key", help="names the run to you: the same key opens no second one")
    closing = _inside(
        operator_command(
            commands,
            "close",
            _close,
            "Close a run for good, when what is being decided in it is decided.",
            f"opsplane run close {_EXAMPLE_ID} --tenant north",
        )
    )
    closing.add_argument("run_id", metavar="RUN_ID")
    closing.add_argument("--outcome", choices=OUTCOMES, default="ended")


def _inside(parser: Parser) -> Parser:
    parser.add_argument("--tenant", required=True, help="name or id of the tenant")
    return parser


def _list(session: Session) -> Answer:
    from shared.ingest.wire_runs import run_view

    found = [run_view(row) for row in session.services.runs.list(session.inside())]
    return Answer(
        {"runs": [view.model_dump(mode="json") for view in found]},
        table(
            (
                view.run_id,
                "standing" if view.standing else view.outcome.value if view.outcome else view.state,
                f"{view.segments} segments",
                f"opened {view.opened_at_utc}",
            )
            for view in found
        ),
    )


def _show(session: Session) -> Answer:
    return _answer(session.services.runs.show(session.inside(), session.options.run_id), "")


def _open(session: Session) -> Answer:
    call = session.inside()
    run = session.services.runs.open(
        call, session.services.policy.shipped, session.options.key or call.call_id
    )
    return _answer(run, "opened" if run.changed else "opened before:")


def _close(session: Session) -> Answer:
    from shared.ingest.runs import Outcome

    options = session.options
    run = session.services.runs.close(session.inside(), options.run_id, Outcome(options.outcome))
    return _answer(run, "closed" if run.changed else "closed before:")


def _answer(run: Run, said: str) -> Answer:
    from shared.ingest.wire_runs import detail_view

    view = detail_view(run)
    shown = view.run
    state = shown.outcome.value if shown.outcome else "standing" if shown.standing else "open"
    return Answer(
        view.model_dump(mode="json"),
        [
            f"{said} run {shown.run_id}, {state}".strip(),
            *table(
                (f"segment {part.segment}", part.opened_at_utc, part.policy_rev)
                for part in view.segments
            ),
        ],
    )
