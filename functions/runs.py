"""Platform runs over HTTP: evidence windows that operators open and close."""

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
    from shared.ingest import wire_runs as wire
else:
    headers = later("shared.ingest.wire")
    wire = later("shared.ingest.wire_runs")

bp = blueprint()


@bp.function_name("run_list")
@bp.route(route="v1/runs", methods=["GET"])
@http(needs=Permission.RUN_READ, audience=Audience.OPERATORS, inside_tenant=True)
def run_list(call: Call, request: Request) -> Reply:  # noqa: ARG001 - nothing is asked
    """List the newest platform runs of a tenant."""
    return wire.listed(services().runs.list(call))


@bp.function_name("run_open")
@bp.route(route="v1/runs", methods=["POST"])
@http(needs=Permission.RUN_OPEN, audience=Audience.OPERATORS, inside_tenant=True)
def run_open(call: Call, request: Request) -> Reply:
    """Open a platform run under the active policy; the same key opens no second one."""
    return wire.opened(
        services().runs.open(call, headers.policy_rev(request), wire.open_key(request))
    )


@bp.function_name("run_show")
@bp.route(route="v1/runs/{run_id}", methods=["GET"])
@http(needs=Permission.RUN_READ, audience=Audience.OPERATORS, inside_tenant=True)
def run_show(call: Call, request: Request) -> Reply:
    """Show a platform run with its segments."""
    return wire.shown(services().runs.show(call, wire.run_id(request)))


@bp.function_name("run_close")
@bp.route(route="v1/runs/{run_id}/close", methods=["POST"])
@http(needs=Permission.RUN_CLOSE, audience=Audience.OPERATORS, inside_tenant=True)
def run_close(call: Call, request: Request) -> Reply:
    """Close a platform run for good, when what is being decided in it is decided."""
    run_id, outcome = wire.run_id(request), wire.outcome(request)
    return wire.shown(services().runs.close(call, run_id, outcome))
