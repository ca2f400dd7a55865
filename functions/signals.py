"""Signals of health for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions._edge import blueprint, http
from functions._later import later
from shared.bootstrap import services
from shared.health.vocabulary import Permission
from shared.identity.verification import Audience
from shared.kernel.call import Call
from shared.kernel.inbound import Reply, Request

if TYPE_CHECKING:
    from shared.health import wire
else:
    wire = later("shared.health.wire")

bp = blueprint()


@bp.function_name("health_signals")
@bp.route(route="v1/health/signals", methods=["GET"])
@http(needs=Permission.SIGNAL_READ, audience=Audience.OPERATORS)
def health_signals(call: Call, request: Request) -> Reply:  # noqa: ARG001 - nothing is asked
    """Return every signal of health, and how bad it is."""
    return wire.signals(services().signals.read(call))
