"""The outbox: messages commit with their row, leave after it, twice at worst, lost never."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest

from shared.adapters.queues import QueueUnavailable
from shared.kernel.call import PermissionMissing
from shared.kernel.db import DatabaseUnavailable, Login
from shared.kernel.outbox import ENVELOPE, Outbox, send
from tests.support.fix_db import World


class Queues:
    """Queues of which each can be away, and which can do something with every message."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.away: set[str] = set()
        self.poison: set[bytes] = set()
        self.then = lambda: None

    def send(self, queue: str, message: bytes) -> None:
        if queue in self.away or any(part in message for part in self.poison):
            raise QueueUnavailable
        self.sent.append((queue, message))
        self.then()


@pytest.fixture
def queues(land: World) -> Iterator[Queues]:
    yield Queues()
    with land.connect() as admin:
        admin.execute("DELETE FROM ops.outbox")


def announce(world: World, *names: str, tenant: str | None = "north") -> list[str]:
    call = world.producer() if tenant else replace(world.producer(), tenant_id=None)
    with world.services.database(Login.DATA).transaction(call) as tx:
        return [
            send(tx, call, world.services.ports.ids, name, {"n": n}) for n, name in enumerate(names)
        ]


def sweep(world: World, queues: Queues) -> int:
    box = Outbox(world.services.database(Login.CONTROL), queues)
    return box.sweep(world.services.timer_call())


def state(world: World) -> list[tuple[str, int, bool]]:
    return world.rows(
        "SELECT queue, attempts, sent_at IS NOT NULL FROM ops.outbox ORDER BY queue, outbox_id"
    )


def test_what_commits_leaves_once(land: World, queues: Queues) -> None:
    announce(land, "a", "b")
    assert sweep(land, queues) == 2
    assert sweep(land, queues) == 0
    assert [queue for queue, _ in queues.sent] == ["a", "b"]
    assert state(land) == [("a", 1, True), ("b", 1, True)]


def test_what_rolls_back_never_leaves(land: World, queues: Queues) -> None:
    call = land.producer()
    with pytest.raises(KeyError), land.services.database(Login.DATA).transaction(call) as tx:  # noqa: PT012 - the block is the transaction
        send(tx, call, land.services.ports.ids, "a", {})
        raise KeyError
    assert sweep(land, queues) == 0


def test_a_message_is_one_envelope_that_carries_the_trace(land: World, queues: Queues) -> None:
    """Design 2.1, functions-host: references under one key; the trace goes with them."""
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    call = replace(land.producer(), traceparent=trace)
    with land.services.database(Login.DATA).transaction(call) as tx:
        message_id = send(tx, call, land.services.ports.ids, "a", {"run_id": "run_1"})
    sweep(land, queues)
    ((_, message),) = queues.sent
    assert orjson.loads(message) == {
        ENVELOPE: {
            "id": message_id,
            "tenant_id": call.tenant_id,
            "call_id": call.call_id,
            "traceparent": trace,
            "refs": {"run_id": "run_1"},
        }
    }
    assert base64.b64encode(message)
    assert land.rows("SELECT traceparent FROM ops.outbox") == [(trace,)]


def test_an_intent_of_the_platform_belongs_to_no_tenant(land: World, queues: Queues) -> None:
    announce(land, "a", tenant=None)
    assert land.rows("SELECT tenant_id FROM ops.outbox") == [(None,)]
    assert sweep(land, queues) == 1


def test_a_crash_between_sending_and_marking_sends_twice_and_loses_nothing(
    land: World, queues: Queues
) -> None:
    announce(land, "a", "b", "c")

    def die() -> None:
        queues.then = lambda: None
        with land.connect() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'ops_control'"
            )

    queues.then = die
    with pytest.raises(DatabaseUnavailable):
        sweep(land, queues)
    assert [sent for *_, sent in state(land)] == [False] * 3
    assert sweep(land, queues) == 3
    assert Counter(queue for queue, _ in queues.sent) == {"a": 2, "b": 2, "c": 2}


def test_a_queue_that_is_away_costs_an_attempt_and_holds_up_no_other(
    land: World, queues: Queues
) -> None:
    announce(land, "away", "away", "here", "here")
    queues.away = {"away"}
    assert sweep(land, queues) == 2
    assert sorted(state(land)) == [
        ("away", 0, False),
        ("away", 1, False),
        ("here", 1, True),
        ("here", 1, True),
    ]
    queues.away = set()
    assert sweep(land, queues) == 2
    assert [sent for *_, sent in state(land)] == [True] * 4


def test_a_message_that_can_never_leave_holds_up_nobody_for_long(
    land: World, queues: Queues
) -> None:
    """It goes behind those that were tried less often."""
    poison, *_ = announce(land, "a", "a", "a")
    queues.poison = {poison.encode()}
    assert sweep(land, queues) == 0
    assert sweep(land, queues) == 2
    assert sorted(sent for *_, sent in state(land)) == [False, True, True]


def test_two_sweepers_share_the_work(land: World, queues: Queues) -> None:
    """SKIP LOCKED: each message leaves once, whoever takes it."""
    announce(land, *["a"] * 200)
    start = threading.Barrier(3)
    counts: list[int] = []

    def work() -> None:
        start.wait()
        counts.extend(sweep(land, queues) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(counts) == 200
    assert Counter(Counter(message for _, message in queues.sent).values()) == {1: 200}


def test_only_who_may_sweep_does(land: World, queues: Queues) -> None:
    with pytest.raises(PermissionMissing):
        Outbox(land.services.database(Login.CONTROL), queues).sweep(land.producer())
