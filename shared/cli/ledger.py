"""``opsplane ledger``: the sealed evidence, verified, proven and exported."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.cli.answers import Answer, table
from shared.cli.commands import Groups, Parser, group, operator_command
from shared.cli.problems import FAILED, OK
from shared.kernel.errors import Invalid

if TYPE_CHECKING:
    from shared.cli.session import Session
    from shared.ledger.keys import Trust
    from shared.ledger.report import Checkpoint, Report

_EXAMPLE_ID = "0123456789abcdef0123456789abcdef"
_SHOWN = 50
"""Differences that are printed for people; ``--json`` has all that were listed."""


class FileUnusable(Invalid):
    """A file that an argument names cannot be read or written."""

    code = "cli.file_unusable"
    title = "A file that was named cannot be read or written"


def register(groups: Groups) -> None:
    """Declare the group."""
    commands = group(groups, "ledger", "sealed evidence: verify, prove, export")
    operator_command(
        commands,
        "status",
        _status,
        "Tell what is sealed, and how far sealing is behind.",
        "opsplane ledger status",
    )
    _register_verify(commands)
    prove = operator_command(
        commands,
        "prove",
        _prove,
        "Prove that a receipt was sealed; docs/examples/verify_proof.py checks it anywhere.",
        f"opsplane ledger prove {_EXAMPLE_ID} --tenant north --to proof.json",
    )
    prove.add_argument("receipt_id", metavar="RECEIPT_ID")
    prove.add_argument("--tenant", required=True, help="name or id of the tenant")
    prove.add_argument("--to", type=Path, metavar="FILE", help="write the proof to FILE")
    export = operator_command(
        commands,
        "export",
        _export,
        "Write the entries of a stream and their seals into files.",
        "opsplane ledger export --stream admission --to evidence",
    )
    export.add_argument("--stream", required=True, help="name of the stream")
    export.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder to write")
    export.add_argument(
        "--from",
        dest="start",
        type=int,
        default=1,
        metavar="NUMBER",
        help="begin with this seal (default: the first)",
    )
    keys = operator_command(
        commands,
        "keys",
        _keys,
        "Print the public keys that an auditor may trust; keep them apart from the evidence.",
        "opsplane ledger keys --to trust.json",
    )
    keys.add_argument("--to", type=Path, metavar="FILE", help="write them to FILE, for --trust")
    operator_command(
        commands,
        "rotate",
        _rotate,
        "Make a new signing key; seals of the older ones still verify.",
        "opsplane ledger rotate",
    )


def _register_verify(commands: Groups) -> None:
    verify: Parser = operator_command(
        commands,
        "verify",
        _verify,
        "Check ledgers, seals and their copies; with --files, exported files alone, without a "
        f"database. Exit code {FAILED}: something differs.",
        "opsplane ledger verify --stream admission --checkpoint seen.json",
    )
    verify.add_argument("--stream", help="name of one stream (default: all)")
    verify.add_argument(
        "--from",
        dest="start",
        metavar="CHECKPOINT",
        help="a file of --checkpoint, or STREAM:NUMBER:DIGEST as an earlier run printed it: look "
        "at what follows, and find out when the ledger ends before it",
    )
    verify.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="write where this run ended to FILE"
    )
    verify.add_argument(
        "--files", type=Path, metavar="DIR", help="check an export instead; needs --trust"
    )
    verify.add_argument(
        "--trust", type=Path, metavar="FILE", help="trust these keys, not the key provider's"
    )
    verify.add_argument(
        "--dropped",
        action="append",
        default=[],
        type=_month,
        metavar="MONTH",
        help="retention has dropped this month, such as 202611; may be repeated",
    )
    verify.add_argument(
        "--without-copies", action="store_true", help="do not compare the copies in storage"
    )


def _status(session: Session) -> Answer:
    found = session.services.ledger.status(session.operator())
    rows = [("stream", "seals", "entries", "unsealed", "lag s", "held s", "uncopied", "sealed at")]
    rows += [
        (
            one.stream,
            str(one.seals),
            str(one.entries),
            str(one.unsealed),
            f"{one.lag_seconds:.1f}",
            f"{one.held_seconds:.1f}",
            str(one.uncopied),
            one.sealed_at or "-",
        )
        for one in found
    ]
    return Answer({"streams": [asdict(one) for one in found]}, table(rows))


def _verify(session: Session) -> Answer:
    from shared.ledger.errors import TrustUnreadable
    from shared.ledger.files import verify_files

    options = session.options
    trust, starts = _trust(options.trust), _starts(options.start)
    dropped = frozenset(options.dropped)
    if options.files is not None:
        if trust is None:
            raise TrustUnreadable("Exported files are checked against keys you bring: --trust FILE")
        reports = verify_files(options.files, trust, starts, stream=options.stream, dropped=dropped)
    else:
        reports = session.services.ledger.verify(
            session.operator(),
            stream=options.stream,
            trust=trust,
            starts=starts,
            copies=not options.without_copies,
            dropped=dropped,
        )
    return _verdict(reports, options.checkpoint)


def _verdict(reports: list[Report], keep: Path | None) -> Answer:
    from shared.ledger.report import checkpoint_document

    ok = all(report.ok for report in reports)
    document = {
        "ok": ok,
        "streams": [
            {
                "stream": report.stream,
                "ok": report.ok,
                "seals": report.seals,
                "entries": report.entries,
                "differences": [asdict(found) for found in report.differences],
                "differences_found": report.found,
                "not_covered": dict(report.uncovered),
            }
            for report in reports
        ],
        "checkpoint": checkpoint_document(reports),
    }
    if keep is not None and ok:
        # Only what verified is worth coming back to.
        _write(keep, document["checkpoint"])
    lines = [line for report in reports for line in _lines(report)]
    lines.append("verified" if ok else "not verified")
    return Answer(document, lines, OK if ok else FAILED)


def _lines(report: Report) -> list[str]:
    from shared.ledger.compare import MEANING

    lines = [f"{report.stream}: {report.entries} entries in {report.seals} seals"]
    for found in report.differences[:_SHOWN]:
        place = f"seal {found.number}" if found.number else "table"
        if found.through not in (None, found.number):
            place += f" to {found.through}"
        if found.offset is not None:
            place += f", offset {found.offset}"
        lines.append(f"  {found.kind}: {place}: {MEANING[found.kind]}")
    if report.found > _SHOWN:
        lines.append(f"  and {report.found - _SHOWN} more")
    lines += [f"  not covered: {count} {what}" for what, count in report.uncovered.items()]
    if report.checkpoint is not None and report.ok:
        lines.append(f"  checkpoint {report.checkpoint}")
    return lines


def _prove(session: Session) -> Answer:
    from shared.kernel.ids import TenantId

    call = session.operator()
    tenant = session.services.provisioning.tenant(call, session.options.tenant)
    proof = session.services.proofs.prove(
        call.for_tenant(TenantId(tenant.tenant_id)), session.options.receipt_id
    )
    return _kept(session.options.to, proof)


def _month(text: str) -> str:
    if not re.fullmatch(r"20[0-9]{2}(0[1-9]|1[0-2])", text):
        raise argparse.ArgumentTypeError("must be a month such as 202611")
    return text


def _export(session: Session) -> Answer:
    options = session.options
    done = session.services.exports.export(
        session.operator(), options.stream, options.to, options.start
    )
    return Answer(
        asdict(done), [f"exported {done.entries} entries in {done.seals} seals of {done.stream}"]
    )


def _keys(session: Session) -> Answer:
    from shared.ledger.keys import trust_document

    call, ledger = session.operator(), session.services.ledger
    return _kept(session.options.to, trust_document(ledger.keys(call), ledger.home(call)))


def _rotate(session: Session) -> Answer:
    key_id = session.services.ledger.rotate(session.operator())
    return Answer({"key_id": key_id}, [f"now signing with {key_id}"])


def _kept(place: Path | None, document: Mapping[str, Any]) -> Answer:
    if place is None:
        return Answer(document, [json.dumps(document, indent=2)])
    _write(place, document)
    return Answer({"written": str(place)}, [f"written to {place}"])


def _trust(place: Path | None) -> Trust | None:
    from shared.ledger.keys import Trust

    return None if place is None else Trust.of(_read(place))


def _starts(text: str | None) -> dict[str, Checkpoint]:
    from shared.ledger.report import checkpoint_of_text, checkpoints_of_file

    if text is None:
        return {}
    place = Path(text)
    return checkpoints_of_file(_read(place)) if place.is_file() else checkpoint_of_text(text)


def _read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError as error:
        raise FileUnusable from error


def _write(place: Path, document: object) -> None:
    try:
        place.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise FileUnusable from error
