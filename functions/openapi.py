"""The description of the interface, served by what it describes."""

from __future__ import annotations

from functions._edge import PUBLIC, blueprint, http
from shared.kernel.call import Call
from shared.kernel.inbound import Reply, Request

bp = blueprint()


@bp.function_name("openapi")
@bp.route(route="openapi.json", methods=["GET"])
@http(needs=PUBLIC)
def openapi(call: Call, request: Request) -> Reply:  # noqa: ARG001 - nothing is asked
    """Return the OpenAPI description of every route."""
    # Describing costs the wire models of every room, which no other request needs.
    from functions._openapi import document  # noqa: PLC0415 - see above

    return Reply(document())
