"""``opsplane receipt``: receipts as the ledger holds them, and whether they verify."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, fields
from shared.cli.commands import Groups, group, operator_command
from shared.cli.problems import FAILED, OK
from shared.kernel.errors import Invalid

if TYPE_CHECKING:
    from shared.cli.session import Session
    from shared.ingest.lookups import Search

_EXAMPLE_ID = "0123456789abcdef0123456789abcdef"
_FIND = """\
opsplane receipt find --contract repair-order.v2 --event-id RO-000017 --tenant north
  opsplane receipt find --contract vehicle-complaint.v1 --event-id 10000001 --event-id BRAKES \\
    --tenant north"""


class SearchUnfit(Invalid):
    """A search names an event or a payload, not both and not neither."""

    code = "cli.search_unfit"
    title = "Name an event with --contract and --event-id, or a payload with --payload-hash"


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "receipt", "receipts of records that were admitted or set aside")
    find = operator_command(
        commands, "find", _find, "Find the receipts of an event, or of a payload.", _FIND
    )
    find.add_argument("--contract", help="see: opsplane contract list")
    find.add_argument(
        "--event-id",
        action="append",
        metavar="VALUE",
        help="a value of the event's id; once for each field that the contract names events by",
    )
    find.add_argument(
        "--run", dest="run_id", metavar="RUN_ID", help="where the contract knows events by run"
    )
    find.add_argument("--payload-hash", metavar="HASH", help="as a receipt shows it")
    find.add_argument("--tenant", required=True, help="name or id of the tenant")
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
    body = session.services.receipts.find(session.inside(), session.options.receipt_id)
    document = json.loads(body)
    return Answer(document, fields(document))


def _verify(session: Session) -> Answer:
    check = session.services.receipts.verify(session.inside(), session.options.receipt_id)
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


def _find(session: Session) -> Answer:
    from shared.ingest.errors import ReceiptMissing

    found = session.services.receipts.search(session.inside(), _wanted(session))
    if not found:
        raise ReceiptMissing("No admitted record of this tenant is meant by that")
    documents = [json.loads(body) for body in found]
    lines = [line for document in documents for line in (*fields(document), "")]
    return Answer({"receipts": documents}, lines[:-1])


def _wanted(session: Session) -> Search:
    """Return what is looked for. Raises `SearchUnfit`, `ContractUnknown`, `EventIdUnfit`."""
    from shared.ingest.contracts import FieldType, named
    from shared.ingest.lookups import EventSearch, PayloadSearch, event_of

    options = session.options
    if options.payload_hash is not None:
        if options.contract or options.event_id or options.run_id:
            raise SearchUnfit
        if not re.fullmatch(r"[0-9a-f]{64}", options.payload_hash):
            raise SearchUnfit("A payload hash has 64 hexadecimal digits, as a receipt shows it")
        return PayloadSearch(bytes.fromhex(options.payload_hash))
    if not options.contract or not options.event_id:
        raise SearchUnfit
    contract = named(options.contract)
    values: list[str | int | None] = []
    for index, word in enumerate(options.event_id):
        name = contract.event_id[min(index, len(contract.event_id) - 1)]
        whole = contract.fields[name].type is FieldType.INTEGER and word.isdecimal()
        values.append(int(word) if whole else word)
    return EventSearch(contract, event_of(contract, values), options.run_id)
