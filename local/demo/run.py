"""One run, from an empty database to a verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from local.demo.afterwards import seal, set_aside
from local.demo.caller import managed_identity_token
from local.demo.evidence import prove
from local.demo.ingest import ingest
from local.demo.place import Place
from local.demo.privacy import scan
from local.demo.provision import TENANTS, CommandLine, provision
from local.demo.refusals import refuse
from local.demo.screen import Screen
from local.demo.stage import Stage
from local.samples import orders
from shared.ingest.contracts import policy_document, shipped
from shared.policy.service import revision_of

_UNSENT = 20


@dataclass(slots=True)
class Run:
    """What was asked for, and what came of it."""

    place: Place
    screen: Screen
    count: int
    seed: int
    workers: int
    facts: dict[str, Any] = field(default_factory=dict)

    def __call__(self) -> bool:
        """Run everything; tell whether every expectation held."""
        started = time.monotonic()
        self.screen.title(
            f"Opsplane demo: {self.count:,} repair orders about people who do not exist"
            f" (seed {self.seed})"
        )
        with self._stage() as stage:
            batches = ingest(stage)
            refuse(stage, batches[0].tenant, batches[0].orders[0])
            prove(stage, batches)
            set_aside(stage, batches)
            seal(stage, batches)
            scan(stage)
            self.facts = stage.facts
        self._summarise(time.monotonic() - started)
        return not self.screen.failed

    @contextmanager
    def _stage(self) -> Iterator[Stage]:
        screen, stack = self.screen, self.place.stack
        screen.section("Stack, environment, host")
        screen.fact("Postgres, Azurite", f"{stack.postgres_version}, {stack.azurite_version}")
        with self.place.prepared() as environment:
            commands = CommandLine(environment, screen)
            tenants = provision(commands)
            with environment.host(workers=self.workers, logs=self.place.host_log) as host:
                screen.fact("host", f"{host.url}, {self.workers} workers")
                token = managed_identity_token(environment.issuer)
                screen.fact("caller", "a managed identity; it holds no secret")
                yield Stage(
                    place=self.place,
                    screen=screen,
                    environment=environment,
                    commands=commands,
                    tenants=tenants,
                    orders={
                        name: list(orders((self.count + index) // len(TENANTS), self.seed, name))
                        for index, name in enumerate(TENANTS)
                    },
                    unsent=list(orders(_UNSENT, self.seed + 1, "unsent")),
                    url=host.url,
                    token=token,
                    policy_rev=revision_of(policy_document(shipped())),
                )

    def _summarise(self, seconds: float) -> None:
        screen, facts = self.screen, self.facts
        screen.section("Summary")
        taken = facts["ingest"]
        rate = f"{taken['orders_per_second']:,.0f} a second"
        screen.fact("admitted", f"{taken['admitted']:,} orders, {rate}")
        screen.fact("recognised as duplicates", f"{facts['again']['duplicates']:,} orders")
        screen.fact("refused", f"{len(facts['refusals'])} requests")
        screen.fact("personal values that got out", str(len(facts["scan"]["leaks"]) or "none"))
        screen.fact("as expected", f"{screen.held} of {screen.held + len(screen.failed)}")
        screen.fact("time", f"{seconds:.0f} s")
        for failed in screen.failed:
            screen.line(f"NOT AS EXPECTED  {failed}")
        self.facts |= {
            "ok": not screen.failed,
            "not_as_expected": screen.failed,
            "seconds": round(seconds, 1),
            "seed": self.seed,
        }
