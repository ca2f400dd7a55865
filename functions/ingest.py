"""The ingest gate over HTTP: records in, receipts out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions._edge import blueprint, http
from functions._later import later
from shared.bootstrap import services
from shared.identity.verification import Audience
from shared.ingest.vocabulary import Permission
from shared.kernel.call import Call
from shared.kernel.inbound import Reply, Request

if TYPE_CHECKING:
    from shared.ingest import wire, wire_lookups
else:
    wire = later("shared.ingest.wire")
    wire_lookups = later("shared.ingest.wire_lookups")

bp = blueprint()


@bp.function_name("ingest_submit")
@bp.route(route="v1/ingest/{contract}", methods=["POST"])
@http(needs=Permission.RECORD_SUBMIT, audience=Audience.INGEST, inside_tenant=True)
def ingest_submit(call: Call, request: Request) -> Reply:
    """Admit the records of a contract: all of them or none, or (lenient) each for itself."""
    submission = wire.submission(request)
    return wire.answered(services().gate.submit(call, submission), submission.handling)


@bp.function_name("ingest_receipt")
@bp.route(route="v1/receipts/{receipt_id}", methods=["GET"])
@http(needs=Permission.RECEIPT_READ, audience=Audience.INGEST, inside_tenant=True)
def ingest_receipt(call: Call, request: Request) -> Reply:
    """Return a receipt as it stands in the ledger."""
    return wire.receipt(services().receipts.find(call, wire.receipt_id(request)))


@bp.function_name("receipts_search")
@bp.route(route="v1/receipts/search", methods=["POST"])
@http(needs=Permission.RECEIPT_READ, audience=Audience.INGEST, inside_tenant=True)
def receipts_search(call: Call, request: Request) -> Reply:
    """Find receipts by event or by payload hash, which stand in the body and never in a URL."""
    return wire_lookups.found(services().receipts.search(call, wire_lookups.search(request)))
