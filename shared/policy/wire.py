"""How policy is spelled over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.kernel.inbound import Reply
from shared.policy.service import ActiveRevision


class ActiveView(BaseModel):
    """The policy revision in force, and whether this release carries it."""

    model_config = ConfigDict(extra="forbid")

    policy_rev: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    in_step: bool


def active(revision: ActiveRevision) -> Reply:
    """Return the active revision."""
    view = ActiveView(policy_rev=revision.active, in_step=revision.in_step)
    return Reply(view.model_dump_json().encode())
