"""The audit fails on a finding and never passes off "could not ask" as "nothing found"."""

from __future__ import annotations

import json

from local.audit import judge

SOUND = {"name": "pydantic", "version": "2.14.3", "vulns": []}
SKIPPED = {"name": "orjson", "skip_reason": "Dependency not found on PyPI"}
VULNERABLE = {
    "name": "urllib3",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.8.0"]}],
}


def _answer(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": packages})


def test_a_vulnerability_fails_the_audit_and_is_named() -> None:
    status, message = judge(_answer(SOUND, VULNERABLE), "", strict=False)
    assert status == 1
    assert message == "urllib3 1.0: PYSEC-1, fixed in 2.8.0"


def test_what_was_not_audited_is_said_and_fails_a_strict_audit() -> None:
    status, message = judge(_answer(SOUND, SKIPPED), "", strict=False)
    assert status == 0
    assert message.startswith("not audited: 1 of 2 packages")
    assert judge(_answer(SOUND, SKIPPED), "", strict=True)[0] == 1


def test_an_unreachable_database_fails_a_strict_audit_alone() -> None:
    complaint = "ERROR: Could not connect to PyPI's vulnerability feed"
    assert judge("", complaint, strict=False)[0] == 0
    assert judge("", complaint, strict=True)[0] == 1


def test_any_other_failure_of_the_tool_fails_the_audit() -> None:
    status, message = judge("", "Traceback: boom", strict=False)
    assert status == 1
    assert "boom" in message


def test_a_full_audit_says_how_many_it_asked_about() -> None:
    assert judge(_answer(SOUND), "", strict=True) == (
        0,
        "1 packages audited, no known vulnerability",
    )
