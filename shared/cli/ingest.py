"""``opsplane ingest``: send a file through the gate, or check it first. A client, not an operator.

Unlike the other groups it needs no settings of the app: an address, a credential of the intake
service and a tenant's id are all that a machine outside has.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, fields
from shared.cli.commands import Groups, Parser, command, group
from shared.cli.problems import FAILED, OK
from shared.kernel.errors import Invalid

if TYPE_CHECKING:
    from shared.cli.session import Session
    from shared.client.checking import Checked
    from shared.client.delivery import Plan, Report
    from shared.client.journal import Header
    from shared.client.mapping import RecordMapping
    from shared.client.reading import Source

_SEND = """\
opsplane ingest send orders.ndjson --contract repair-order.v2
  opsplane ingest send scan.csv.gz --contract finding.v1 --map scan.yaml --on-refused skip
  journalctl -o json | opsplane ingest send - --format ndjson --contract finding.v1 --map j.yaml

where and who:
  --url, else OPS_INGEST_URL          the gate, over https (http on loopback alone)
  --tenant, else OPS_INGEST_TENANT    the tenant's id
  --token-file, else OPS_INGEST_TOKEN a bearer token for the ingest audience
  OPS_API_KEY                         a static key, where the environment takes them
  else INGEST_AAD_AUDIENCE            the audience for the identity that is signed in here

Run the same command again to go on after an interrupt. Exit code 1: some records were refused or
quarantined; the receipts file has a line for every record."""
_CHECK = "opsplane ingest check orders.csv --contract repair-order.v2 --map orders.yaml"
_SHOWN = 5
_HEADER = re.compile(r"[!-~]*")
_FORMATS = ("csv", "ndjson", "json")


class Unaddressed(Invalid):
    """No gate or no tenant is named."""

    code = "cli.unaddressed"
    title = "Name the gate (--url or OPS_INGEST_URL) and the tenant (--tenant or OPS_INGEST_TENANT)"


class CannotGoOn(Invalid):
    """Standard input comes once: there is nothing to go on from."""

    code = "cli.stdin_once"
    title = "Standard input cannot be resumed; leave --state and --restart out"


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "ingest", "files into the ingest gate, as an intake service")
    send = command(
        commands,
        "send",
        _send,
        "Send a CSV, NDJSON or JSON file; interrupted, it goes on where it was.",
        _SEND,
    )
    _about_the_file(send)
    send.add_argument("--url", help="address of the gate")
    send.add_argument("--tenant", metavar="ID", help="id of the tenant")
    send.add_argument(
        "--token-file", metavar="FILE", help="read the token from FILE, and again when refused"
    )
    send.add_argument(
        "--handling",
        choices=("strict", "lenient"),
        default="strict",
        help="strict: a batch goes in whole or not at all; lenient: the gate quarantines what "
        "does not fit (default: strict)",
    )
    send.add_argument(
        "--on-refused",
        choices=("stop", "skip"),
        default="stop",
        help="stop at the first refused record, or leave refused ones out (default: stop)",
    )
    send.add_argument(
        "--run",
        # ``run`` is what the command does.
        dest="platform_run",
        metavar="ID",
        default="",
        help="platform run (default: the standing one)",
    )
    send.add_argument("--receipts", metavar="FILE", help="write a line per record to FILE")
    send.add_argument(
        "--state",
        metavar="DIR",
        help="where journals and receipts are kept (default: .opsplane/send)",
    )
    send.add_argument("--restart", action="store_true", help="begin again; what is in is known")
    for flag, default, low, high, meaning in (
        ("--batch-records", 500, 1, 10_000, "most records of one request"),
        ("--batch-bytes", 2_000_000, 1024, 104_857_600, "most bytes of one request"),
        ("--concurrency", 2, 1, 16, "requests at a time"),
        ("--give-up-after", 300, 0, 86_400, "seconds to try a request again"),
    ):
        send.add_argument(
            flag,
            type=_whole(low, high),
            default=default,
            metavar="N",
            help=f"{meaning} (default: {default})",
        )
    check = command(
        commands,
        "check",
        _check,
        f"Map a file and check it against the contract, without sending; exit code {FAILED}: "
        "some rows do not fit.",
        _CHECK,
    )
    _about_the_file(check)


def _about_the_file(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="CSV, NDJSON or JSON, also .gz; - for stdin")
    parser.add_argument("--contract", required=True, help="contract of the records")
    parser.add_argument("--map", metavar="FILE", help="mapping file; see docs/client.md")
    parser.add_argument("--format", choices=_FORMATS, help="default: by the file's name")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ArgumentTypeError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def _send(session: Session) -> Answer:
    from shared.bootstrap import sending
    from shared.cli.progress import Progress
    from shared.client.delivery import deliver
    from shared.client.journal import Places, keep
    from shared.client.reading import STDIN

    options, environment = session.options, session.environment
    url = options.url or environment.get(sending.URL, "").strip()
    tenant = options.tenant or environment.get(sending.TENANT, "").strip()
    if (
        not url
        or not tenant
        or not _HEADER.fullmatch(tenant)
        or not _HEADER.fullmatch(options.platform_run)
    ):
        raise Unaddressed
    circumstances = sending.circumstances()
    plan, header = _plan(session, url, tenant, circumstances.delivery_id)
    credential = sending.credential(environment, options.token_file)
    gate = sending.gate(url)
    progress = Progress(sys.stderr, quiet=options.json)
    try:
        if options.file == STDIN:
            if options.restart or options.state or options.receipts:
                raise CannotGoOn
            report = deliver(plan, gate, credential, circumstances, None, progress.show)
            return _sent(plan, report, None)
        places = Places.of(options.file, options.state or ".opsplane/send", options.receipts)
        with keep(places, header, circumstances.delivery_id, restart=options.restart) as journal:
            plan = plan.named(journal.past.delivery_id)
            report = deliver(plan, gate, credential, circumstances, journal, progress.show)
        return _sent(plan, report, str(places.receipts))
    finally:
        progress.end()
        gate.close()


def _plan(session: Session, url: str, tenant: str, delivery_id: str) -> tuple[Plan, Header]:
    from shared.client.batches import Bounds
    from shared.client.delivery import Plan
    from shared.client.journal import Header
    from shared.client.reading import STDIN
    from shared.client.requests import Terms

    options = session.options
    source, mapping = _file(session)
    terms = Terms(
        contract=options.contract,
        tenant=tenant,
        handling=options.handling,
        skip_refused=options.on_refused == "skip",
        give_up_after=float(options.give_up_after),
        delivery_id=delivery_id,
        run=options.platform_run,
    )
    header = Header(
        source="" if options.file == STDIN else source.digest(),
        contract=options.contract,
        mapping=mapping.digest,
        tenant=tenant,
        gate=url,
        handling=options.handling,
        run=terms.run,
    )
    bounds = Bounds(options.batch_records, options.batch_bytes)
    return Plan(source, mapping, terms, bounds, options.concurrency), header


def _file(session: Session) -> tuple[Source, RecordMapping]:
    from shared.client import mapping as mappings
    from shared.client.reading import Source, format_of
    from shared.ingest.contracts import named

    options = session.options
    contract = named(options.contract)
    if options.map:
        mapping = mappings.load(options.map, contract)
    else:
        mapping = mappings.none_for(contract, options.format or format_of(options.file))
    return Source(options.file, mapping.dialect(options.file, options.format)), mapping


def _sent(plan: Plan, report: Report, receipts: str | None) -> Answer:
    from shared.cli.sent import Sent

    return Sent(plan, report, receipts).answer()


def _check(session: Session) -> Answer:
    from shared.client.checking import check

    source, mapping = _file(session)
    found = check(source, mapping)
    counts = {
        "rows": found.rows,
        "fit": found.fit,
        "left_out": found.left_out,
        "unfit": found.unfit,
    }
    return Answer(
        {
            **counts,
            "problems": dict(sorted(found.codes.items())),
            "first": [
                {source.unit: one.at, "pointer": one.pointer, "code": one.code}
                for one in found.first
            ],
        },
        [*fields(counts), *_problems(source, found)],
        FAILED if found.unfit else OK,
    )


def _problems(source: Source, found: Checked) -> list[str]:
    lines = [f"{count:>8}  {name}" for name, count in sorted(found.codes.items())]
    first = [
        f"{source.unit} {one.at}: {one.pointer or '/'}: {one.detail} ({one.code})"
        for one in found.first[:_SHOWN]
    ]
    return [
        *(["", "problems:"] if lines else []),
        *lines,
        *(["", "first:"] if first else []),
        *first,
    ]
