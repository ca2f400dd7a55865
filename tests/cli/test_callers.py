"""Who is calling: a verified credential, and what its roles allow."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from local.issuer import Issuer
from shared.cli import problems
from tests.cli.conftest import AUDIENCE, Terminal
from tests.support.fix_db import OWNER, World

KEY = "k" * 40
LIST = ("tenant", "list")


def tallied(world: World) -> list[tuple[str, bool]]:
    return world.rows("SELECT code, caller <> 'unverified' FROM ops.denial_tally ORDER BY code")


def test_without_a_credential_nothing_is_read(terminal: Terminal, shared_world: World) -> None:
    """000-R11: default deny; a forgotten token is a slip and does not fill the tally."""
    done = terminal.run(*LIST, OPS_TOKEN="")

    assert (done.code, done.out) == (problems.REFUSED, "")
    assert "code: identity.credential_missing" in done.err
    assert "OPS_TOKEN" in done.err
    assert tallied(shared_world) == []


def test_a_token_may_lie_in_a_file(terminal: Terminal, tmp_path: Path, owner_token: str) -> None:
    file = tmp_path / "token"
    file.write_text(owner_token + "\n")

    assert terminal.json(*LIST, "--token-file", str(file), OPS_TOKEN="wrong")["tenants"]
    assert terminal.refused(*LIST, "--token-file", str(tmp_path / "none")) == (
        problems.INVALID,
        "cli.token_unusable",
    )


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"audience": "api://opsplane-ingest"}, "identity.audience_invalid"),
        ({"lifetime": -3600}, "identity.token_expired"),
        ({"iss": "https://elsewhere.example"}, "identity.issuer_invalid"),
    ],
)
def test_a_token_is_verified_as_over_http(
    terminal: Terminal, shared_world: World, issuer: Issuer, claims: dict[str, object], code: str
) -> None:
    """002-R6: one verifier for every surface; what it refuses is tallied as a stranger's."""
    if "lifetime" in claims:
        long_ago = int(time.time()) - 7200
        claims = {"iat": long_ago, "nbf": long_ago, "exp": long_ago + 3600}
    token = issuer.mint(OWNER, **{"audience": AUDIENCE, **claims})

    assert terminal.refused(*LIST, OPS_TOKEN=token) == (problems.REFUSED, code)
    assert tallied(shared_world) == [(code, False)]


def test_an_object_id_that_is_not_on_the_list_is_refused(
    terminal: Terminal, shared_world: World, issuer: Issuer, somebody: str
) -> None:
    """000-R11, 002-R7."""
    token = issuer.mint(somebody, AUDIENCE, human=True)

    assert terminal.refused(*LIST, OPS_TOKEN=token) == (
        problems.REFUSED,
        "identity.caller_forbidden",
    )
    assert tallied(shared_world) == [("identity.caller_forbidden", True)]


def test_roles_come_from_the_database_and_nowhere_else(
    terminal: Terminal, shared_world: World, issuer: Issuer, somebody: str
) -> None:
    """002-R7: on the list and without a role is nobody; a token's own roles count for nothing."""
    sre = {
        "OPS_ALLOWED_OPERATOR_OBJECT_IDS": f"{OWNER},{somebody}",
        "OPS_TOKEN": issuer.mint(somebody, AUDIENCE, human=True, roles=["platform_owner"]),
    }
    missing = (problems.REFUSED, "identity.permission_missing")
    assert terminal.refused(*LIST, **sre) == missing
    assert tallied(shared_world) == [("identity.permission_missing", True)]

    terminal.json("user", "create", "--object-id", somebody, "--label", "Night shift")
    terminal.json("role", "grant", "--object-id", somebody, "sre")
    assert terminal.json(*LIST, **sre)["tenants"]
    assert terminal.refused("group", "create", "field", **sre) == missing

    terminal.json("user", "disable", "--object-id", somebody)
    assert terminal.refused(*LIST, **sre) == missing
    terminal.json("user", "enable", "--object-id", somebody)
    terminal.json("role", "revoke", "--object-id", somebody, "sre")
    assert terminal.refused(*LIST, **sre) == missing


def test_a_database_of_another_environment_is_not_operated_on(
    terminal: Terminal, shared_world: World
) -> None:
    """D1: the owner's own token does not help against a wrong setting."""
    wrong = {"OPS_ENVIRONMENT": "testing", "OPS_SERVICE_RELEASE_ID": "r1"}

    assert terminal.refused("group", "create", "new", **wrong) == (
        problems.UNAVAILABLE,
        "ops.environment_differs",
    )
    found = shared_world.rows("SELECT count(*) FROM ops.tenant_group WHERE name = 'new'")
    assert found == [(0,)]


class TestStaticKeys:
    """002-R5, D18: local_parity alone, and one mode per environment."""

    @pytest.fixture
    def keyed(self, terminal: Terminal) -> Terminal:
        del terminal.variables["OPS_TOKEN"]
        terminal.variables |= {
            "OPS_CREDENTIAL": "api_key",
            "OPS_API_KEYS": f"{hashlib.sha256(KEY.encode()).hexdigest()}={OWNER}",
        }
        return terminal

    def test_the_key_comes_from_the_environment(self, keyed: Terminal) -> None:
        assert keyed.json(*LIST, OPS_API_KEY=KEY)["tenants"]

    def test_a_wrong_or_absent_key_is_refused(self, keyed: Terminal) -> None:
        assert keyed.refused(*LIST, OPS_API_KEY="x" * 40) == (
            problems.REFUSED,
            "identity.static_key_invalid",
        )
        assert keyed.refused(*LIST) == (problems.REFUSED, "identity.credential_missing")

    def test_a_token_has_no_use_there(self, keyed: Terminal, owner_token: str) -> None:
        assert keyed.refused(*LIST, OPS_API_KEY=KEY, OPS_TOKEN=owner_token) == (
            problems.INVALID,
            "cli.token_unusable",
        )

    def test_no_other_environment_takes_them(self, keyed: Terminal) -> None:
        refused = keyed.refused(*LIST, OPS_API_KEY=KEY, OPS_ENVIRONMENT="development")
        assert refused == (problems.INVALID, "settings.invalid")


class TestInAzure:
    """Without OPS_TOKEN, whoever is signed in to Azure: here, a managed identity."""

    @pytest.fixture
    def azure(
        self,
        bare: Terminal,
        issuer: Issuer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Terminal:
        bare.variables |= {
            "OPS_ENVIRONMENT": "development",
            "OPS_SERVICE_RELEASE_ID": "r1",
            "OPS_ALLOWED_OPERATOR_OBJECT_IDS": issuer.managed_identity,
        }
        for name, value in issuer.identity_settings().items():
            monkeypatch.setenv(name, value)
        owner = issuer.managed_identity
        bare.json("environment", "init", "--workspace", "dev", "--owner", owner)
        return bare

    def test_its_token_is_asked_for_and_verified(self, azure: Terminal) -> None:
        """000-R12: no secret is held; the token passes the verifier like any other."""
        assert azure.json("group", "create", "field")["created"] is True

    def test_nobody_signed_in_is_unauthenticated(
        self, azure: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("IDENTITY_HEADER", "wrong")
        monkeypatch.setenv("PATH", "")

        assert azure.refused(*LIST) == (problems.REFUSED, "identity.credential_missing")


def test_local_parity_does_not_ask_azure(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(
        "shared.bootstrap.Services.operator_token", lambda _services: asked.append(True)
    )

    assert terminal.refused(*LIST, OPS_TOKEN="")[0] == problems.REFUSED
    assert asked == []


def test_a_refusal_stands_when_it_cannot_be_counted(
    empty: Terminal, issuer: Issuer, somebody: str
) -> None:
    """Where there is no table to count in, the refused are refused all the same."""
    token = issuer.mint(somebody, AUDIENCE)

    assert empty.refused(*LIST, OPS_TOKEN=token) == (
        problems.REFUSED,
        "identity.caller_forbidden",
    )
