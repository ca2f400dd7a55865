"""What the client needs of the world: a gate over some wire, a credential, time and chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the gate; header names are in lower case."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate(Protocol):
    """The gate's two routes that a sender uses; safe to call from several threads."""

    def policy(self, headers: Mapping[str, str]) -> Reply:
        """Ask for the active policy revision.

        Raises `GateUnreachable`, `GateUntrusted`, `ProxyRefused`.
        """
        ...

    def submit(self, contract: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post a body and wait for its answer. Raises what `policy` raises."""
        ...

    def abandon(self) -> None:
        """Cut every exchange under way, which then raises `GateUnreachable`."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


class Credential(Protocol):
    """What proves who sends."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers that carry it. Raises an error of shape `Unauthenticated`."""
        ...

    def renew(self) -> None:
        """Get a new one where there is a way to, because the last one was refused."""
        ...


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Time and chance, which tests replace."""

    monotonic: Callable[[], float]
    """Seconds for durations."""
    chance: Callable[[], float]
    """A number from 0 to 1, for jitter."""
    delivery_id: str
    """Names this delivery, if it is a new one."""
