"""``opsplane quarantine``: what is held and why, released or discarded; never what it says."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, fields, table
from shared.cli.commands import Groups, Parser, group, operator_command
from shared.cli.problems import FAILED, OK, UNAVAILABLE

if TYPE_CHECKING:
    from shared.cli.session import Session
    from shared.ingest.quarantine import Entry, Reason, Settled
    from shared.kernel.call import Call
    from shared.kernel.errors import OpsError

    type Settle = Callable[[Call, str, Reason], Settled]

STATES = ("held", "released", "discarded", "expired")
REASONS = ("contract_fixed", "sender_confirmed", "superseded", "test_data", "not_wanted")
"""Spelled out, because a parser must not wait for the services; a test compares them."""
_EXAMPLE_ID = "0123456789abcdef0123456789abcdef"
_MOST = 1000
_MORE = "each is settled for itself, and one that was settled so before is told as unchanged"


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "quarantine", "records that lenient handling set aside")
    listing = _inside(
        operator_command(
            commands,
            "list",
            _list,
            "List records in quarantine, oldest first: codes and places, no content.",
            "opsplane quarantine list --tenant north --contract repair-order.v2",
        )
    )
    listing.add_argument("--state", choices=STATES, default="held")
    listing.add_argument("--contract", help="records of this contract alone")
    listing.add_argument("--limit", type=_limit, default=100, metavar="N", help="1 to 1000")
    show = _inside(
        operator_command(
            commands,
            "show",
            _show,
            "Show where a record came from, why it is there and what became of it.",
            f"opsplane quarantine show {_EXAMPLE_ID} --tenant north",
        )
    )
    show.add_argument("receipt_id", metavar="RECEIPT_ID")
    for name, run, summary, reason in (
        (
            "release",
            _release,
            f"Send held records through the gate again; exit code {FAILED}: some are still held.",
            "contract_fixed",
        ),
        (
            "discard",
            _discard,
            f"Give held records up for good; exit code {FAILED}: some could not be.",
            "superseded",
        ),
    ):
        settle = _inside(
            operator_command(
                commands,
                name,
                run,
                summary,
                f"opsplane quarantine {name} {_EXAMPLE_ID} --reason {reason} --tenant north",
            )
        )
        settle.add_argument("receipt_ids", metavar="RECEIPT_ID", nargs="+", help=_MORE)
        settle.add_argument("--reason", choices=REASONS, required=True)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {_MOST}")
    return int(text)


def _inside(parser: Parser) -> Parser:
    parser.add_argument("--tenant", required=True, help="name or id of the tenant")
    return parser


def _list(session: Session) -> Answer:
    from shared.ingest.quarantine import State
    from shared.ingest.wire_quarantine import held_view

    options = session.options
    found = session.services.quarantine.list(
        session.inside(), State(options.state), options.contract, options.limit
    )
    return Answer(
        {"records": [held_view(entry).model_dump(mode="json") for entry in found]},
        table(
            (entry.receipt_id, entry.contract, _day(entry), _why(entry.reasons)) for entry in found
        ),
    )


def _show(session: Session) -> Answer:
    from shared.ingest.wire_quarantine import held_view

    found = session.services.quarantine.show(session.inside(), session.options.receipt_id)
    document = held_view(found).model_dump(mode="json")
    return Answer(document, fields(document))


def _release(session: Session) -> Answer:
    services = session.services

    def release(call: Call, receipt_id: str, reason: Reason) -> Settled:
        return services.quarantine.release(call, receipt_id, reason, services.policy.shipped)

    return _each(session, release)


def _discard(session: Session) -> Answer:
    return _each(session, session.services.quarantine.discard)


def _each(session: Session, settle: Settle) -> Answer:
    """Settle one record after the other; what is refused keeps nobody waiting behind it."""
    from shared.ingest.quarantine import Reason
    from shared.kernel.errors import Conflict, Held, Invalid, Missing, Unavailable

    options = session.options
    first = session.inside()
    wanted = list(dict.fromkeys(options.receipt_ids))
    outcomes: list[dict[str, object]] = []
    code = OK
    for number, receipt_id in enumerate(wanted, 1):
        _progress(number, len(wanted))
        # A call of its own for each, so that each has evidence of its own.
        call = session.services.call(first.actor, tenant_id=first.tenant_id)
        try:
            done = settle(call, receipt_id, Reason(options.reason))
        except (Conflict, Invalid, Missing) as error:
            outcomes.append(_refused(receipt_id, error))
            code = FAILED
        except (Held, Unavailable) as error:
            if len(wanted) == 1:
                raise
            # The next one would meet the same.
            outcomes.append(_refused(receipt_id, error))
            outcomes += [
                {"receipt_id": left, "state": "not_tried", "changed": False}
                for left in wanted[number:]
            ]
            code = UNAVAILABLE if isinstance(error, Unavailable) else FAILED
            break
        else:
            outcomes.append(
                {
                    "receipt_id": receipt_id,
                    "state": done.entry.state,
                    "changed": done.changed,
                    "released_as": done.entry.released_as,
                }
            )
    _progress(0, 0)
    return Answer({"records": outcomes}, [_line(outcome) for outcome in outcomes], code)


def _refused(receipt_id: str, error: OpsError) -> dict[str, object]:
    return {
        "receipt_id": receipt_id,
        "state": "refused",
        "changed": False,
        "code": error.code,
        "detail": error.message,
        "reasons": [{"pointer": item.pointer, "code": item.code} for item in error.items],
    }


def _line(outcome: dict[str, object]) -> str:
    said = f"{outcome['receipt_id']}  {outcome['state']}"
    if outcome.get("released_as"):
        said += f" as {outcome['released_as']}"
    if "code" in outcome:
        reasons = outcome["reasons"]
        places = _why(reasons) if isinstance(reasons, list) and reasons else outcome["detail"]
        return f"{said}: {outcome['code']}: {places}"
    if outcome["state"] != "not_tried" and not outcome["changed"]:
        said += ", as it was"
    return said


def _progress(number: int, total: int) -> None:
    """Say how far it is where a person watches; the last call leaves the line to what follows."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{number} of {total}" if total else "\r\x1b[K")
        sys.stderr.flush()


def _day(entry: Entry) -> str:
    return f"{entry.held_at:%Y-%m-%d %H:%M}"


def _why(reasons: list[dict[str, str]]) -> str:
    shown = [f"{reason['pointer'] or '/'} {reason['code']}" for reason in reasons[:3]]
    more = len(reasons) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more else shown)
