"""The demo's whole run, small, on the test stack: what it promises a newcomer holds."""

from __future__ import annotations

import io
import json
import os
import uuid

import pytest

from local.demo.place import DemoRunningError, Place, alone
from local.demo.run import Run
from local.demo.screen import Screen
from local.samples import orders, planted

COUNT = 60


@pytest.fixture
def place(stack, storage, tmp_path):
    account = storage.partition("AccountName=")[2].partition(";")[0]
    made = Place(stack, tmp_path / "demo", f"demo_{os.getpid()}_{uuid.uuid4().hex[:8]}", account)
    yield made
    stack.drop_database(made.database)


def test_the_demo_keeps_its_promises_and_shows_nobody(place):
    screen = Screen(io.StringIO())
    run = Run(place, screen, COUNT, seed=7, workers=1)
    assert run(), screen.failed
    facts = run.facts
    assert facts["ok"]
    assert facts["ingest"]["admitted"] == COUNT
    assert facts["again"]["duplicates"] == COUNT
    assert all(refusal["as_expected"] for refusal in facts["refusals"])
    assert facts["scan"]["leaks"] == []
    assert {"table", "blob", "answer"} <= set(facts["scan"]["control_seen_in"])
    shown = "\n".join(screen.said) + json.dumps(facts)
    for name in ("alder", "birch", "cedar"):
        for order in orders(COUNT // 3, 7, name):
            assert not any(value in shown for value in planted(order))


def test_two_demos_in_one_folder_do_not_mix(tmp_path):
    with alone(tmp_path), pytest.raises(DemoRunningError), alone(tmp_path):
        pass
