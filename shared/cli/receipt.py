"""``opsplane receipt``: receipts as the ledger holds them, and whether they verify."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, fields
from shared.cli.commands import Groups, group, operator_command
from shared.cli.problems import FAILED, OK

if TYPE_CHECKING:
    from shared.cli.session import Session
    from shared.kernel.call import Call

_EXAMPLE_ID = "0123456789abcdef0123456789abcdef"


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "receipt", "receipts of admitted records")
    for name, run, summary in (
        ("show", _show, "Show a receipt as it stands in the ledger."),
        (
            "verify",
            _verify,
            f"Check a receipt against ledger, index and document; exit code {FAILED}: it differs.",
        ),
    ):
        example = f"opsplane receipt {name} {_EXAMPLE_ID} --tenant north"
        one = operator_command(commands, name, run, summary, example)
        one.add_argument("receipt_id", metavar="RECEIPT_ID")
        one.add_argument("--tenant", required=True, help="name or id of the tenant")


def _show(session: Session) -> Answer:
    body = session.services.receipts.find(_inside(session), session.options.receipt_id)
    document = json.loads(body)
    return Answer(document, fields(document))


def _verify(session: Session) -> Answer:
    check = session.services.receipts.verify(_inside(session), session.options.receipt_id)
    verdict = "verified" if check.ok else f"not verified: {check.failed}"
    return Answer(
        {
            "receipt_id": check.receipt_id,
            "ok": check.ok,
            "checked": list(check.checked),
            "failed": check.failed,
            "document": check.document,
        },
        [*(f"ok {name}" for name in check.checked), verdict],
        OK if check.ok else FAILED,
    )


def _inside(session: Session) -> Call:
    """Return the operator's call inside the tenant that was named."""
    from shared.kernel.ids import TenantId

    call = session.operator()
    found = session.services.provisioning.tenant(call, session.options.tenant)
    return call.for_tenant(TenantId(found.tenant_id))
