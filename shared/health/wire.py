"""How health is spelled over HTTP."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.health.service import Readiness
from shared.kernel.inbound import Reply


class AliveView(BaseModel):
    """The process answers."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["alive"]


class ReadinessView(BaseModel):
    """What the app stands on, part by part."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["ready", "not_ready"]
    database: bool
    environment: bool
    policy: bool


def alive() -> Reply:
    """Return that the process answers."""
    return Reply(AliveView(status="alive").model_dump_json().encode())


def readiness(found: Readiness) -> Reply:
    """Return the readiness; probes read the status."""
    view = ReadinessView(
        status="ready" if found.ready else "not_ready",
        database=found.database,
        environment=found.environment,
        policy=found.policy,
    )
    return Reply(view.model_dump_json().encode(), status=200 if found.ready else 503)
