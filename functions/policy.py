"""Which policy is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions._edge import blueprint, http
from functions._later import later
from shared.bootstrap import services
from shared.identity.verification import Audience
from shared.kernel.call import Call
from shared.kernel.inbound import Reply, Request
from shared.policy.service import Permission

if TYPE_CHECKING:
    from shared.policy import wire
else:
    wire = later("shared.policy.wire")

bp = blueprint()


@bp.function_name("policy_active")
@bp.route(route="v1/policy", methods=["GET"])
@http(needs=Permission.REVISION_READ, audience=Audience.INGEST)
def policy_active(call: Call, request: Request) -> Reply:  # noqa: ARG001 - nothing is asked
    """Return the active policy revision, which requests must quote."""
    return wire.active(services().policy.active(call))
