"""The quarantine over HTTP: what it holds and why, released or discarded by operators."""

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
    from shared.ingest import wire as headers
    from shared.ingest import wire_quarantine as wire
else:
    headers = later("shared.ingest.wire")
    wire = later("shared.ingest.wire_quarantine")

bp = blueprint()


@bp.function_name("quarantine_list")
@bp.route(route="v1/quarantine", methods=["GET"])
@http(needs=Permission.QUARANTINE_READ, audience=Audience.OPERATORS, inside_tenant=True)
def quarantine_list(call: Call, request: Request) -> Reply:
    """List records in quarantine: where they came from and why, nothing of their content."""
    asked = wire.query(request)
    return wire.listed(services().quarantine.list(call, asked.state, asked.contract, asked.limit))


@bp.function_name("quarantine_show")
@bp.route(route="v1/quarantine/{receipt_id}", methods=["GET"])
@http(needs=Permission.QUARANTINE_READ, audience=Audience.OPERATORS, inside_tenant=True)
def quarantine_show(call: Call, request: Request) -> Reply:
    """Show one record in quarantine."""
    return wire.shown(services().quarantine.show(call, wire.receipt_id(request)))


@bp.function_name("quarantine_release")
@bp.route(route="v1/quarantine/{receipt_id}/release", methods=["POST"])
@http(needs=Permission.QUARANTINE_RELEASE, audience=Audience.OPERATORS, inside_tenant=True)
def quarantine_release(call: Call, request: Request) -> Reply:
    """Send a held record through the gate again, under the contracts of now."""
    receipt_id, reason = wire.receipt_id(request), wire.reason(request)
    return wire.settled(
        services().quarantine.release(call, receipt_id, reason, headers.policy_rev(request))
    )


@bp.function_name("quarantine_discard")
@bp.route(route="v1/quarantine/{receipt_id}/discard", methods=["POST"])
@http(needs=Permission.QUARANTINE_DISCARD, audience=Audience.OPERATORS, inside_tenant=True)
def quarantine_discard(call: Call, request: Request) -> Reply:
    """Give a held record up and forget its sealed copy."""
    receipt_id, reason = wire.receipt_id(request), wire.reason(request)
    return wire.settled(services().quarantine.discard(call, receipt_id, reason))
