"""What the steps of a run share: the app, who may call it, and what has been heard from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.demo.caller import Caller
from local.demo.place import Place
from local.demo.provision import CommandLine
from local.demo.screen import Screen
from local.environment import LocalEnvironment

type Order = dict[str, Any]


@dataclass(slots=True)
class Stage:
    """A running, provisioned app and the orders for it."""

    place: Place
    screen: Screen
    environment: LocalEnvironment
    commands: CommandLine
    tenants: Mapping[str, str]
    """Name -> id."""
    orders: Mapping[str, Sequence[Order]] = field(repr=False)
    """Tenant name -> its orders, which are admitted."""
    unsent: Sequence[Order] = field(repr=False)
    """Orders that only ever stand in requests that are refused."""
    url: str
    token: str = field(repr=False)
    policy_rev: str
    heard: list[bytes] = field(default_factory=list, repr=False)
    """Every body the app answered with."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What a program is told of the run."""

    @property
    def count(self) -> int:
        return sum(map(len, self.orders.values()))

    def connect(self) -> Caller:
        return Caller(self.url, self.token, self.policy_rev)
