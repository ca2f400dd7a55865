"""Signals over HTTP: for operators, with their permission, as described."""

from __future__ import annotations

from tests.support.fix_plane import Plane


def test_an_operator_reads_the_signals_and_a_producer_does_not(plane: Plane) -> None:
    address = f"{plane.url}/v1/health/signals"
    token = plane.environment.operator_token()
    answer = plane.session.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == 200
    names = {signal["name"] for signal in answer.json()["signals"]}
    assert {"ledger.seal.lag", "outbox.message.age"} <= names
    assert answer.json()["level"] in ("ok", "warn", "critical")

    refused = plane.get("/v1/health/signals")
    assert (refused.status_code, refused.json()["code"]) == (401, "identity.audience_invalid")


def test_the_timer_seals_what_the_gate_admitted(plane: Plane) -> None:
    """The host runs the sealer every ten seconds; nobody calls it."""
    import time

    from tests.support.factories import a_complaint

    assert plane.post(a_complaint(77), contract="vehicle-complaint.v1").status_code == 201
    stop = time.monotonic() + 40
    while True:
        found = {one.stream: one for one in plane.services.ledger.status(plane.operator())}
        if found["admission"].entries and not found["admission"].unsealed:
            break
        assert time.monotonic() < stop
        time.sleep(0.5)
    [report] = plane.services.ledger.verify(plane.operator(), stream="admission")
    assert report.ok
