"""What an approval is made of: plans, reasons, states; all of it pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.approvals.errors import ApprovalUnknown, KindUnknown, PlanUnfit, ReasonUnfit
from shared.approvals.kinds import ApprovalKind, kind_of
from shared.approvals.model import (
    LARGEST_PLAN,
    MOVES,
    QUOTED,
    Approval,
    Plan,
    Reason,
    ReasonCode,
    State,
    approval_id,
)
from shared.cli import approval as cli
from shared.kernel.canonical import NotCanonical

PROJECT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
PLAN = Plan.of("thing", {"to": "blue"})
TEXT = "Wilhelmine Quastenflosser asked"
APPROVAL = Approval(
    approval_id="apr_01kahd0w000000000000000001",
    tenant_id=None,
    kind="tests.anything",
    subject="thing",
    plan=PLAN.text,
    plan_digest=PLAN.digest,
    state="proposed",
    requested_by="a",
    requested_at=NOW,
    expires_at=NOW + timedelta(hours=1),
    reason_code="RELEASE",
    reason_text=TEXT,
    decided_by=None,
    decided_at=None,
    decision_code=None,
    decision_text=TEXT,
    ended_by=None,
    ended_at=None,
)
WORDS = st.dictionaries(st.sampled_from("abcdef"), st.text("xyz", max_size=3), max_size=4)


class TestPlan:
    @given(WORDS, WORDS)
    def test_plans_have_one_digest_exactly_when_they_say_the_same(
        self, one: dict[str, str], two: dict[str, str]
    ) -> None:
        same = Plan.of("x", one).digest == Plan.of("x", two).digest
        assert same is (one == two)
        assert Plan.of("x", one) == Plan.of("x", dict(reversed(one.items())))

    def test_a_plan_that_cannot_be_shown_is_a_defect(self) -> None:
        for subject, document in (
            ("thing", {"x": "y" * LARGEST_PLAN}),
            ("", {}),
            ("two words", {}),
            ("x" * 129, {}),
        ):
            with pytest.raises(PlanUnfit):
                Plan.of(subject, document)
        with pytest.raises(NotCanonical):
            Plan.of("thing", {"x": 1.5})  # type: ignore[dict-item]

    @given(st.integers(0, 64))
    def test_a_quote_is_the_beginning_of_the_digest_and_long_enough(self, length: int) -> None:
        assert APPROVAL.quotes(PLAN.digest[:length]) is (length >= QUOTED)

    @pytest.mark.parametrize("quote", ["", "0" * 12, PLAN.digest.upper(), PLAN.digest + "0", "%"])
    def test_anything_else_is_no_quote(self, quote: str) -> None:
        assert not APPROVAL.quotes(quote)


class TestReason:
    @pytest.mark.parametrize("text", ["", "x" * 500, "Über 'x', \"y\" - naïve? 😀"])
    def test_a_paragraph_is_a_reason(self, text: str) -> None:
        assert Reason(ReasonCode.RELEASE, text).text == text

    @pytest.mark.parametrize("text", ["x" * 501, "a\nb", "a\x00b", "\x1b[2J", "\ud800", "a\u2028b"])
    def test_what_is_longer_or_cannot_be_kept_is_refused(self, text: str) -> None:
        with pytest.raises(ReasonUnfit) as refused:
            Reason(ReasonCode.RELEASE, text)
        assert text not in str(refused.value)

    def test_texts_are_not_printed_by_accident(self) -> None:
        """D23."""
        assert TEXT not in repr(Reason(ReasonCode.RELEASE, TEXT)) + repr(APPROVAL)
        assert TEXT not in str(APPROVAL.summary())


class TestStates:
    def test_terminal_states_are_final(self) -> None:
        final = set(State) - MOVES.keys()
        assert final == {State.DENIED, State.WITHDRAWN, State.EXPIRED, State.EFFECTIVE}

    @pytest.mark.parametrize("state", State)
    def test_only_what_is_open_runs_out_of_time(self, state: State) -> None:
        held = replace(APPROVAL, state=state.value)
        assert held.at(NOW) is held
        over = State.EXPIRED if state in MOVES else state
        assert held.at(held.expires_at).state == over
        assert held.at(held.expires_at - timedelta(microseconds=1)).state == state


class TestNames:
    def test_a_kind_is_declared_once_and_well(self) -> None:
        def declare(name: str, **lives: float) -> ApprovalKind:
            return ApprovalKind(name, "x", "a:b:c", "a:b:d", timedelta(**lives))

        found = declare("tests.once", days=1)
        assert kind_of("tests.once") is found
        for name, days in (("tests.once", 1), ("once", 1), ("tests.never", 0), ("Tests.x", 1)):
            with pytest.raises(ValueError, match=name):
                declare(name, days=days)
        with pytest.raises(KindUnknown):
            kind_of("tests.unheard_of")

    @pytest.mark.parametrize("text", ["", "x", "tnt_01kahd0w000000000000000001", "apr_", "apr_\n"])
    def test_what_cannot_be_an_id_names_nothing(self, text: str) -> None:
        with pytest.raises(ApprovalUnknown):
            approval_id(text)

    def test_codes_and_states_are_spelled_alike_everywhere(self) -> None:
        """The command line writes them out, so that its help need not load the room."""
        assert set(cli.REASON_CODES) == set(ReasonCode)
        assert set(cli.STATES) == set(State)


@pytest.mark.parametrize("page", ["approvals.md", "state-machines.md"])
def test_the_arrows_that_are_drawn_are_those_of_the_code(page: str) -> None:
    """`approval_moves_forward` is compared with the same table, in tests of the store."""
    text = (PROJECT / "docs" / page).read_text()
    [drawn] = [
        block
        for block in re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
        if "proposed --> approved" in block
    ]
    arrows = set(re.findall(r"^ +(\w+) --> (\w+)", drawn, re.MULTILINE))
    assert arrows == {(state.value, to.value) for state, after in MOVES.items() for to in after}
