"""Changing which policy is in force: proposed by one person, approved by another."""

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


@bp.function_name("policy_propose")
@bp.route(route="v1/policy/proposals", methods=["POST"])
@http(needs=Permission.REVISION_PROPOSE, audience=Audience.OPERATORS)
def policy_propose(call: Call, request: Request) -> Reply:
    """Ask a second person to approve the policy of this release."""
    return wire.proposed(services().policy.propose(call, wire.proposal(request)))


@bp.function_name("policy_activate")
@bp.route(route="v1/policy/activations", methods=["POST"])
@http(needs=Permission.REVISION_ACTIVATE, audience=Audience.OPERATORS)
def policy_activate(call: Call, request: Request) -> Reply:
    """Put the policy of this release in force, with an approval."""
    policy = services().policy
    changed = policy.activate(call, wire.activation(request))
    return wire.activated(policy.shipped, changed=changed)
