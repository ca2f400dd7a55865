"""The gate's HTTP interface in memory, for tests of the client.

It answers as the gate does where a client can tell: policy, tenants, idempotency, duplicates and
refusals with their pointers. It knows no contract: a record is an object with an ``id`` or an
``odi_number``, and one with ``"refuse": true`` breaks it. ``script`` puts other answers first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.client.errors import GateUnreachable
from shared.client.ports import Reply
from shared.kernel.canonical import content_address, digest_of

POLICY_REV = "0" * 64


@dataclass
class MemoryGate:
    """Everything that was posted, and what is to be answered next."""

    policy_rev: str = POLICY_REV
    most_records: int = 2000
    tokens: set[str] = field(default_factory=lambda: {"Bearer token"})
    script: list[Reply | Exception] = field(default_factory=list)
    """Answers and failures that come before the real ones, in order."""
    loses_answers: int = 0
    """How many answers are lost after their records are in."""
    on_submit: Callable[[Mapping[str, str]], None] = lambda _: None
    events: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Event id to payload digest and receipt id."""
    kept: dict[str, tuple[str, Reply]] = field(default_factory=dict)
    requests: list[Mapping[str, str]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def policy(self, headers: Mapping[str, str]) -> Reply:
        """Answer the active policy revision."""
        with self._lock:
            if (refusal := self._refusal(headers)) is not None:
                return refusal
            return _reply(200, {"policy_rev": self.policy_rev, "in_step": True})

    def submit(self, contract: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Admit the records of a body, or refuse all of them."""
        self.on_submit(headers)
        with self._lock:
            self.requests.append(dict(headers))
            if self.script:
                answer = self.script.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer
            reply = self._refusal(headers) or self._keyed(contract, body, headers)
            if self.loses_answers:
                self.loses_answers -= 1
                raise GateUnreachable
            return reply

    def abandon(self) -> None:
        """Nothing is ever under way here."""

    def close(self) -> None:
        """There is no connection."""

    def _refusal(self, headers: Mapping[str, str]) -> Reply | None:
        if headers.get("Authorization", "") not in self.tokens:
            return _problem(401, "identity.token_expired")
        return None

    def _keyed(self, contract: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        if headers["Ops-Policy-Rev"] != self.policy_rev:
            return _problem(409, "ingest.policy_rev_differs")
        key = f"{contract} {headers['Ops-Tenant']} {headers['Idempotency-Key']}"
        if key in self.kept:
            digest, reply = self.kept[key]
            if digest != content_address(body):
                return _problem(422, "ingest.idempotency_key_reused")
            return Reply(reply.status, reply.body, {"idempotency-replayed": "true"})
        reply = self._decided(f"{contract} {headers['Ops-Tenant']}", body)
        if reply.status in (200, 201):
            self.kept[key] = (content_address(body), reply)
        return reply

    def _decided(self, scope: str, body: bytes) -> Reply:
        records = [orjson.loads(line) for line in body.split(b"\n") if line.strip()]
        if len(records) > self.most_records:
            return _problem(400, "ingest.too_many_records")
        broken = [i for i, record in enumerate(records) if record.get("refuse")]
        if broken:
            return _problem(422, "ingest.records_refused", [f"/{i}/refuse" for i in broken])
        events = [(f"{scope} {_event_id(record)}", _digest(record)) for record in records]
        differing = [
            i for i, (event, digest) in enumerate(events) if self._known(event, digest) != digest
        ]
        if differing:
            return _problem(409, "ingest.payload_differs", [f"/{i}" for i in differing])
        views = []
        for event, digest in events:
            decision = "DUPLICATE" if event in self.events else "ADMIT"
            _, receipt = self.events.setdefault(event, (digest, _digest(event)[:32]))
            views.append({"decision": decision, "receipt_id": receipt})
        admitted = sum(view["decision"] == "ADMIT" for view in views)
        return _reply(
            201 if admitted else 200,
            {
                "request_id": f"req_{len(self.requests):026}",
                "policy_rev": self.policy_rev,
                "handling": "strict",
                "admitted": admitted,
                "duplicates": len(views) - admitted,
                "records": views,
            },
        )

    def _known(self, event: str, otherwise: str) -> str:
        return self.events[event][0] if event in self.events else otherwise


def _event_id(record: Mapping[str, Any]) -> object:
    return record.get("id", record.get("odi_number"))


def _digest(value: Any) -> str:
    return digest_of("ops.test.v1", value).hex()


def _reply(status: int, document: Mapping[str, Any]) -> Reply:
    return Reply(status, orjson.dumps(document), {"content-type": "application/json"})


def _problem(status: int, code: str, pointers: list[str] | None = None) -> Reply:
    errors = [{"pointer": at, "code": "broken", "detail": "is broken"} for at in pointers or []]
    found = {"title": "Refused", "status": status, "code": code, "call_id": "cal_x"}
    return _reply(status, {**found, "errors": errors} if errors else found)
