"""What is tried again, how, and what is final (002-B: bounded backoff and the same id)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.client.batches import Bounds
from shared.client.credentials import Token, token_file
from shared.client.errors import GateUnreachable, SenderUnknown
from shared.client.ports import Reply
from shared.client.retry import Verdict, judge, pause
from tests.support.factories import a_complaint


def problem(status, code="", **headers):
    return Reply(status, b'{"code": "%s"}' % code.encode() if code else b"<html>", headers)


AGAIN = [
    problem(429),
    problem(408),
    problem(500, "ops.unexpected"),
    problem(502),
    problem(503, "db.unavailable"),
    problem(504),
    problem(409, "ingest.in_flight"),
    Reply(200, b"<html>a proxy's greeting</html>"),
    GateUnreachable(),
]
FINAL = [
    (problem(400, "ingest.body_empty"), 400),
    (problem(302), 302),
    (problem(403, "identity.caller_forbidden"), 403),
    (problem(404, "ingest.tenant_unknown"), 404),
    (problem(409, "ingest.policy_rev_differs"), 409),
    (problem(422, "ingest.idempotency_key_reused"), 422),
    (problem(423, "ingest.tenant_suspended"), 423),
]


@pytest.mark.parametrize("answer", AGAIN, ids=lambda answer: getattr(answer, "status", "lost"))
def test_what_may_pass_is_sent_again_with_the_same_key_and_body(desk, answer) -> None:
    desk.write(a_complaint(1))
    desk.gate.script += [answer, answer]

    report = desk.send()

    assert (report.stop, report.tally.admitted) == (None, 1)
    assert report.counters.retries == 2
    assert len({headers["Idempotency-Key"] for headers in desk.gate.requests}) == 1


@pytest.mark.parametrize(("answer", "status"), FINAL)
def test_what_will_not_pass_is_not_sent_again(desk, answer, status) -> None:
    desk.write(a_complaint(1))
    desk.gate.script += [answer]

    report = desk.send()

    assert report.stop.status == status
    assert len(desk.gate.requests) == 1
    assert desk.send().stop is None


def test_giving_up_says_why_and_the_next_run_goes_on(desk) -> None:
    desk.write(a_complaint(1))
    desk.gate.script += [problem(503, "db.unavailable")] * 200
    desk.give_up_after = 20.0

    report = desk.send()

    assert (report.stop.code, report.stop.status) == ("db.unavailable", 503)
    assert 2 <= report.counters.retries <= 21
    desk.gate.script.clear()
    assert desk.send().tally.admitted == 1


def test_a_retry_after_that_is_too_long_ends_it_at_once(desk) -> None:
    desk.write(a_complaint(1))
    desk.gate.script += [problem(503, "x.y", **{"retry-after": "61"})]
    assert desk.send().counters.requests == 2  # the policy, and one try


@given(attempt=st.integers(0, 10_000), chance=st.floats(0, 1), advice=st.none() | st.floats(0, 99))
def test_a_pause_is_bounded_and_never_undercuts_the_gates_advice(attempt, chance, advice) -> None:
    assert (advice or 0) <= pause(attempt, chance, advice) <= (advice or 0) + 30


def test_pauses_spread_over_a_ceiling_that_doubles() -> None:
    assert [pause(n, 1.0, None) for n in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pause(5, 0.0, None) == 0


def test_a_retry_after_is_read_in_seconds_and_bounded() -> None:
    assert judge(problem(503, "x", **{"retry-after": "7"})).retry_after == 7
    assert judge(problem(503, "x", **{"retry-after": "9" * 9})).retry_after == 3600
    assert judge(problem(503, "x", **{"retry-after": "Sat, 21 Nov"})).retry_after is None


def test_a_refused_token_is_renewed_once(desk) -> None:
    desk.write(a_complaint(1))
    tokens = iter(["old", "token", "token"])
    desk.token = Token(lambda: next(tokens))
    assert desk.send().stop is None
    desk.token = Token(lambda: "old")
    report = desk.send(restart=True)
    assert (report.stop.status, report.counters.requests) == (401, 2)


def test_a_token_file_is_read_again_after_a_refusal(tmp_path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    token = token_file(str(file))
    assert token.headers() == {"Authorization": "Bearer one"}
    file.write_text("two\n")
    assert token.headers() == {"Authorization": "Bearer one"}
    token.renew()
    assert token.headers() == {"Authorization": "Bearer two"}


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"two words", b"a\nb"])
def test_a_token_file_without_a_token_is_no_credential(tmp_path, content) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(SenderUnknown):
        token_file(str(tmp_path / "token")).headers()


def test_a_credential_that_is_missing_stops_before_anything_is_sent(desk) -> None:
    desk.write(a_complaint(1))

    def none():
        raise SenderUnknown

    desk.token = Token(none)
    report = desk.send()
    assert (report.stop.code, report.counters.requests) == (SenderUnknown.code, 0)


@pytest.mark.parametrize("code", ["ingest.batch_too_heavy", "ingest.too_many_records"])
def test_a_batch_that_is_too_heavy_is_halved_until_it_passes(desk, code) -> None:
    desk.write(*[a_complaint(n) for n in range(20)])
    desk.bounds = Bounds(20)
    desk.gate.most_records = 3
    desk.gate.script += [problem(413, code)]

    report = desk.send()

    assert (report.stop, report.tally.admitted) == (None, 20)
    assert [line["index"] for line in desk.receipts()] == list(range(20))


def test_one_record_that_is_too_heavy_alone_is_refused(desk) -> None:
    desk.write(a_complaint(1), a_complaint(2))
    desk.skip = True
    desk.bounds = Bounds(1)
    desk.gate.script += [problem(413, "ops.oversized")]

    report = desk.send()

    assert (report.tally.refused, report.tally.admitted) == (1, 1)
    assert [(one.at, one.code) for one in report.refused] == [(1, "ops.oversized")]


def test_an_answer_without_a_decision_per_record_stops(desk) -> None:
    desk.write(a_complaint(1), a_complaint(2))
    desk.gate.script += [Reply(201, b'{"records": [{"decision": "ADMIT"}]}')]
    assert desk.send().stop.code == "client.answer_unreadable"


@given(st.integers(100, 599), st.binary(max_size=40))
def test_every_answer_has_a_verdict(status, body) -> None:
    assert judge(Reply(status, body)).verdict in Verdict
