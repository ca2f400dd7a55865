"""What ``opsplane ingest send`` says at the end: counts, receipts, why it stopped, how to go on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from shared.cli.answers import Answer, fields
from shared.cli.problems import (
    CONFLICT,
    FAILED,
    INTERRUPTED,
    INVALID,
    MISSING,
    OK,
    REFUSED,
    UNAVAILABLE,
)

if TYPE_CHECKING:
    from shared.client.delivery import Plan, Report
    from shared.client.rows import Refusal

_SHOWN = 5
_BY_STATUS = {
    401: REFUSED,
    403: REFUSED,
    404: MISSING,
    409: CONFLICT,
    423: CONFLICT,
    429: UNAVAILABLE,
}
_BY_CODE = {
    "client.interrupted": INTERRUPTED,
    "client.records_refused": FAILED,
    "client.gate_unreachable": UNAVAILABLE,
    "client.answer_unreadable": FAILED,
    "client.journal_unwritable": FAILED,
    "client.source_unreadable": INVALID,
    "client.gate_untrusted": INVALID,
    "client.proxy_refused": REFUSED,
    "client.not_a_gate": INVALID,
}
_NEXT = {
    "client.interrupted": "Run the same command again to go on.",
    "client.records_refused": "Correct the source or the mapping and run it again with "
    "--restart, or give --on-refused skip to leave these records out.",
    "client.gate_untrusted": "Set SSL_CERT_FILE to the certificates to trust, or correct --url.",
    "client.not_a_gate": "Look at --url.",
    "client.gate_unreachable": "See that --url is right and the gate runs; then run the same "
    "command again to go on.",
    "ingest.policy_rev_differs": "The policy changed meanwhile. See what changed, then run the "
    "same command again to go on under the new revision.",
    "ingest.payload_differs": "Records of these events are in with other content; see which is "
    "right, or give --on-refused skip.",
}
_GO_ON = "Run the same command again to go on when it is mended."
_ERRORS = 500


@dataclass(frozen=True, slots=True)
class Sent:
    """The end of a delivery."""

    plan: Plan
    report: Report
    receipts: str | None

    def answer(self) -> Answer:
        """Return counts and receipts for programs and people."""
        return Answer(self._document(), self._lines(), self.exit_code)

    @property
    def exit_code(self) -> int:
        """A stop's own code; else whether every record went in."""
        stop, tally = self.report.stop, self.report.tally
        if stop is None:
            return FAILED if tally.refused or tally.quarantined or self.report.all_left_out else OK
        if stop.code in _BY_CODE:
            return _BY_CODE[stop.code]
        if stop.status >= _ERRORS:
            return UNAVAILABLE
        return _BY_STATUS.get(stop.status, INVALID)

    def _counts(self) -> dict[str, object]:
        report = self.report
        return {
            **asdict(report.tally),
            "requests": report.counters.requests,
            "retries": report.counters.retries,
            "seconds": round(report.seconds, 3),
            "records_per_second": round(report.per_second, 1),
        }

    def _document(self) -> dict[str, object]:
        report, unit = self.report, self.plan.source.unit
        document: dict[str, object] = {
            "contract": self.plan.terms.contract,
            "tenant_id": self.plan.terms.tenant,
            "handling": self.plan.terms.handling,
            "policy_rev": report.policy_rev,
            "complete": report.stop is None,
            **self._counts(),
            "earlier": asdict(report.earlier),
            "receipts_file": self.receipts,
            "receipts": [
                {unit: one.at, "decision": one.decision, "receipt_id": one.receipt_id}
                for one in report.receipts
            ],
            "first_refused": [_plain(unit, one) for one in report.refused],
            "first_quarantined": [_plain(unit, one) for one in report.quarantined],
        }
        if report.stop is not None:
            document["stopped"] = {
                "code": report.stop.code,
                "title": report.stop.title,
                "status": report.stop.status or None,
                "call_id": report.stop.call_id or None,
                "next": self._next(),
            }
        return document

    def _lines(self) -> list[str]:
        report, unit = self.report, self.plan.source.unit
        lines = fields(self._counts())
        if report.earlier.rows:
            lines.append(f"of these, {report.earlier.rows} rows were settled by earlier runs")
        lines += [
            f"{unit} {one.at}: {one.decision} {one.receipt_id}" for one in report.receipts[:_SHOWN]
        ]
        for what, found in (("refused", report.refused), ("in quarantine", report.quarantined)):
            lines += [
                f"{unit} {one.at}: {what}: {one.pointer or '/'}: {one.detail} ({one.code})"
                for one in found[:_SHOWN]
            ]
        if self.receipts:
            lines.append(f"receipts: {self.receipts}")
        if report.all_left_out:
            lines.append("no row became a record: the mapping left all of them out")
        if report.stop is None:
            already = report.earlier.rows and report.earlier.rows == report.tally.rows
            lines.append("complete already; --restart sends it again" if already else "complete")
            return lines
        stop = report.stop
        quoted = f", call {stop.call_id}" if stop.call_id else ""
        lines.append(f"stopped: {stop.title} ({stop.code}{quoted})")
        return [*lines, self._next()]

    def _next(self) -> str:
        if self.report.stop is None:
            return ""
        if self.receipts is None:
            return "Standard input cannot be resumed; what is in comes back as a duplicate."
        return _NEXT.get(self.report.stop.code, _GO_ON)


def _plain(unit: str, refusal: Refusal) -> dict[str, object]:
    return {unit: refusal.at, "pointer": refusal.pointer, "code": refusal.code}
