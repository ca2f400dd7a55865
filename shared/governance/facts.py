"""Fact kinds, and the one way to record a fact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from shared.kernel.call import Call
from shared.kernel.canonical import Json, canonical, digest_of
from shared.kernel.clock import instant
from shared.kernel.db import Tx
from shared.kernel.errors import OpsError
from shared.kernel.sql import Queries

_sql = Queries("shared.governance")

CODE = re.compile(r"[a-z][a-z0-9_]*([.:][a-z0-9_]+)*")
IDENTIFIER = re.compile(r"[a-z]{3,4}_[0-9a-z]{26}")
DIGEST = re.compile(r"[0-9a-f]{32,64}")
CONTRACT = re.compile(r"[a-z][a-z0-9-]*\.v[0-9]+")
OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CALLER = re.compile(r"unverified|[0-9a-f]{32}")
type Shape = re.Pattern[str] | type[int | bool]

_LONGEST = 256
_GRAMMAR = re.compile(r"[a-z]+:[a-z_]+:[a-z_]+")


class FactUnfit(OpsError):
    """A defect in our own code: a fact with an undeclared attribute or a value out of shape."""

    code = "governance.fact_unfit"
    title = "A governance fact does not fit its declared kind"


@dataclass(frozen=True, slots=True)
class FactKind:
    """One kind of fact: ``scope:subject:action`` in the past tense, and what it may hold."""

    name: str
    meaning: str
    attributes: Mapping[str, Shape]

    registry: ClassVar[dict[str, FactKind]] = {}

    def __post_init__(self) -> None:
        """Enter the kind into the vocabulary, once."""
        if not _GRAMMAR.fullmatch(self.name) or self.name in FactKind.registry:
            raise ValueError(self.name)
        FactKind.registry[self.name] = self

    def fit(self, attributes: Mapping[str, Json]) -> dict[str, Json]:
        """Return the attributes if every one is declared and in shape. Raises `FactUnfit`."""
        if missing := self.attributes.keys() ^ attributes.keys():
            raise FactUnfit(f"{self.name}: attributes differ at {', '.join(sorted(missing))}")
        for name, value in attributes.items():
            shape = self.attributes[name]
            if isinstance(shape, re.Pattern):
                fits = (
                    isinstance(value, str)
                    and len(value) <= _LONGEST
                    and shape.fullmatch(value) is not None
                )
            else:
                fits = type(value) is shape
            if not fits:
                raise FactUnfit(f"{self.name}: {name} is out of shape")
        return dict(attributes)


def record(
    tx: Tx,
    call: Call,
    kind: FactKind,
    key: str,
    /,
    **attributes: Json,
) -> str:
    """Record a fact in an open transaction and return its id; a repeat writes nothing.

    ``key`` is what makes the fact unique within its kind and tenant, such as the id of what was
    created; it is hashed, not kept.
    """
    fact_id = digest_of("ops.fact.v1", [kind.name, call.tenant_id, key]).hex()
    body = canonical(
        {
            "fact_id": fact_id,
            "name": kind.name,
            "tenant_id": call.tenant_id,
            "actor_id": call.actor.actor_id,
            "source_type": call.actor.source_type.value,
            "auth_mode": call.actor.auth_mode.value,
            "call_id": call.call_id,
            "recorded_at": instant(call.now),
            "environment": call.environment,
            "service_release_id": call.service_release_id,
            "policy_rev": call.policy_rev,
            "attributes": kind.fit(attributes),
        }
    )
    tx.run(
        _sql.record_fact,
        {
            "tenant_id": call.tenant_id,
            "fact_id": fact_id,
            "month": call.now.year * 100 + call.now.month,
            "body": body.decode(),
        },
    )
    return fact_id
