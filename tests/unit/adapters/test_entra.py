"""Tokens for Postgres through the real azure-identity, against the local identity endpoint."""

from __future__ import annotations

from pathlib import Path

import jwt
import psycopg.conninfo
import pytest

from local.issuer import Issuer
from shared.adapters.entra import DatabaseTokens, LoginNotOurs
from shared.kernel.db import DatabaseUnavailable, Login, login_url
from shared.kernel.settings import Settings, SettingsInvalid

DATA = "11111111-0000-4000-8000-000000000001"
CONTROL = "11111111-0000-4000-8000-000000000002"


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatabaseTokens:
    with Issuer.start(tmp_path) as issuer:
        for name, value in issuer.identity_settings().items():
            monkeypatch.setenv(name, value)
        yield DatabaseTokens({"ops_data": DATA, "ops_control": CONTROL})


def test_each_login_has_a_token_of_its_own_identity(tokens: DatabaseTokens) -> None:
    """Design 3: one database login per duty, each its own managed identity."""
    for login, identity in ((Login.DATA, DATA), (Login.CONTROL, CONTROL)):
        claims = jwt.decode(tokens(login), options={"verify_signature": False})
        assert claims["oid"] == identity
        assert "ossrdbms-aad" in claims["aud"]


def test_a_login_without_an_identity_is_refused(tokens: DatabaseTokens) -> None:
    with pytest.raises(LoginNotOurs):
        tokens(Login.KEYS)


def test_an_endpoint_that_is_away_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    with pytest.raises(DatabaseUnavailable):
        DatabaseTokens({"ops_data": DATA})(Login.DATA)


def test_a_token_goes_only_to_a_server_that_proves_itself() -> None:
    """The password is a bearer token: plaintext or an unknown certificate would give it away."""
    url = login_url("postgresql://db.example/opsplane", Login.DATA, lambda _: "t")
    parts = psycopg.conninfo.conninfo_to_dict(url)
    assert (parts["sslmode"], parts["sslrootcert"]) == ("verify-full", "system")


def test_identities_and_entra_go_together() -> None:
    base = {
        "OPS_ENVIRONMENT": "development",
        "OPS_SERVICE_RELEASE_ID": "r1",
        "OPS_DATABASE_URL": "postgresql://db.example/opsplane",
        "AzureWebJobsStorage__accountName": "acct",
        "INGEST_AAD_AUDIENCE": "api://a",
        "OPS_OPERATOR_AUDIENCE": "api://b",
    }
    entra = {"OPS_DATABASE_CREDENTIAL": "entra"}
    named = {"OPS_DATABASE_CLIENT_IDS": f"ops_data={DATA}"}
    assert Settings.from_env({**base, **entra, **named}).database_identities == {"ops_data": DATA}
    for half in (entra, named):
        with pytest.raises(SettingsInvalid, match="OPS_DATABASE_CLIENT_IDS"):
            Settings.from_env({**base, **half})
