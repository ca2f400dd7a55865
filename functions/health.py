"""Whether the app is alive, and whether it can do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions._edge import PUBLIC, blueprint, http
from functions._later import later
from shared.bootstrap import services
from shared.kernel.call import Call
from shared.kernel.inbound import Reply, Request

if TYPE_CHECKING:
    from shared.health import wire
else:
    wire = later("shared.health.wire")

bp = blueprint()


@bp.function_name("health_live")
@bp.route(route="health/live", methods=["GET"])
@http(needs=PUBLIC)
def health_live(call: Call, request: Request) -> Reply:  # noqa: ARG001 - nothing is asked
    """Tell that the process answers; it asks nobody else."""
    return wire.alive()


@bp.function_name("health_ready")
@bp.route(route="health/ready", methods=["GET"])
@http(needs=PUBLIC)
def health_ready(call: Call, request: Request) -> Reply:  # noqa: ARG001 - nothing is asked
    """Tell whether database, environment and schema are what this app needs."""
    return wire.readiness(services().health.ready(call))
