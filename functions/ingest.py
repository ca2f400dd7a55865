"""The ingest gate over HTTP: records in, receipts out."""

from __future__ import annotations

from functions._edge import blueprint, http
from shared.bootstrap import services
from shared.identity.verification import Audience
from shared.ingest import wire
from shared.ingest.vocabulary import Permission
from shared.kernel.call import Call
from shared.kernel.inbound import Reply, Request

bp = blueprint()


@bp.function_name("ingest_submit")
@bp.route(route="v1/ingest/{contract}", methods=["POST"])
@http(needs=Permission.RECORD_SUBMIT, audience=Audience.INGEST, inside_tenant=True)
def ingest_submit(call: Call, request: Request) -> Reply:
    """Admit the records of a contract: all of them, or none."""
    return wire.answered(services().gate.submit(call, wire.submission(request)))


@bp.function_name("ingest_receipt")
@bp.route(route="v1/receipts/{receipt_id}", methods=["GET"])
@http(needs=Permission.RECEIPT_READ, audience=Audience.INGEST, inside_tenant=True)
def ingest_receipt(call: Call, request: Request) -> Reply:
    """Return a receipt as it stands in the ledger."""
    return wire.receipt(services().receipts.find(call, wire.receipt_id(request)))
