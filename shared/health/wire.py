"""How health is spelled over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.health.service import Readiness
from shared.health.signals import Level, Signal, worst
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


class SignalView(BaseModel):
    """One signal."""

    model_config = ConfigDict(extra="forbid")

    name: str
    value: float
    unit: Literal["seconds", "count"]
    level: Level
    meaning: str


class SignalsView(BaseModel):
    """Every signal, and the level of the worst."""

    model_config = ConfigDict(extra="forbid")

    level: Level
    signals: list[SignalView]


def signals_view(found: Sequence[Signal]) -> SignalsView:
    """Return the signals as they are shown."""
    return SignalsView(
        level=worst(found),
        signals=[SignalView.model_validate(one, from_attributes=True) for one in found],
    )


def signals(found: Sequence[Signal]) -> Reply:
    """Return the signals; the level is in the body, so that a look never looks like a failure."""
    return Reply(signals_view(found).model_dump_json().encode())


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
