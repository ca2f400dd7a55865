"""What needs a second person: operators look at it and decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions._edge import blueprint, http
from functions._later import later
from shared.approvals.vocabulary import Permission
from shared.bootstrap import services
from shared.identity.verification import Audience
from shared.kernel.call import Call
from shared.kernel.inbound import Reply, Request

if TYPE_CHECKING:
    from shared.approvals import wire
else:
    wire = later("shared.approvals.wire")

bp = blueprint()


@bp.function_name("approvals_list")
@bp.route(route="v1/approvals", methods=["GET"])
@http(needs=Permission.REQUEST_READ, audience=Audience.OPERATORS)
def approvals_list(call: Call, request: Request) -> Reply:
    """List approvals: open ones first, then the newest."""
    return wire.listed(services().approvals.newest(call, wire.query(request)))


@bp.function_name("approvals_show")
@bp.route(route="v1/approvals/{approval_id}", methods=["GET"])
@http(needs=Permission.REQUEST_READ, audience=Audience.OPERATORS)
def approvals_show(call: Call, request: Request) -> Reply:
    """Return an approval with the plan that it is about."""
    return wire.shown(services().approvals.find(call, wire.approval_id(request)))


@bp.function_name("approvals_approve")
@bp.route(route="v1/approvals/{approval_id}/approve", methods=["POST"])
@http(needs=Permission.REQUEST_DECIDE, audience=Audience.OPERATORS)
def approvals_approve(call: Call, request: Request) -> Reply:
    """Approve a plan as the second person, quoting its digest."""
    return wire.moved(services().approvals.approve(call, *wire.approval(request)))


@bp.function_name("approvals_deny")
@bp.route(route="v1/approvals/{approval_id}/deny", methods=["POST"])
@http(needs=Permission.REQUEST_DECIDE, audience=Audience.OPERATORS)
def approvals_deny(call: Call, request: Request) -> Reply:
    """Refuse a plan as the second person."""
    return wire.moved(services().approvals.deny(call, *wire.denial(request)))


@bp.function_name("approvals_withdraw")
@bp.route(route="v1/approvals/{approval_id}/withdraw", methods=["POST"])
@http(needs=Permission.REQUEST_WITHDRAW, audience=Audience.OPERATORS)
def approvals_withdraw(call: Call, request: Request) -> Reply:
    """Take back what one asked for or approved, before it takes effect."""
    return wire.moved(services().approvals.withdraw(call, wire.withdrawal(request)))
