"""The local issuer stands in for Entra: the product and the Azure SDK cannot tell."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential

from local.issuer import Issuer, NotStartedError
from local.issuer.__main__ import main
from shared.adapters.jwks_http import HttpJwks
from shared.identity.errors import KeyUnknown, TokenExpired
from shared.identity.keysets import KeySets
from shared.identity.tokens import TokenVerifier
from shared.kernel.call import SourceType
from shared.kernel.clock import SteppingClock, SystemClock
from shared.kernel.settings import Settings

CALLER = "6f1c1a52-6c0e-4d0c-9d6c-0b8f4a3a2f11"
AUDIENCE = "api://opsplane-ingest"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    with Issuer.start(tmp_path_factory.mktemp("issuer")) as started:
        yield started


@pytest.fixture
def read():
    """Fetch without the environment's proxy."""
    opener = build_opener(ProxyHandler({}))

    def fetch(url, **headers):
        request = Request(url, headers=headers)  # noqa: S310 - the issuer's own address
        with opener.open(request, timeout=5) as response:
            return json.loads(response.read())

    return fetch


def verifier_of(issuer, clock=None):
    """Build the product's verifier from the issuer's settings alone."""
    settings = Settings.from_env(
        {
            "OPS_ENVIRONMENT": "local_parity",
            "OPS_DATABASE_URL": "postgresql://127.0.0.1/ops",
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "INGEST_AAD_AUDIENCE": AUDIENCE,
            "OPS_OPERATOR_AUDIENCE": "api://opsplane-operators",
        }
        | issuer.settings()
    )
    clock = clock or SystemClock()
    return TokenVerifier(
        issuers=settings.oidc_issuers,
        directories=settings.oidc_directories,
        object_claim=settings.oidc_object_claim,
        directory_claim=settings.oidc_directory_claim,
        keysets=KeySets(HttpJwks(settings.oidc_jwks_uri), clock),
        clock=clock,
    )


def verify(issuer, token, *callers, clock=None):
    allowed = frozenset(callers or {CALLER})
    return verifier_of(issuer, clock).verify(token, audience=AUDIENCE, allowed=allowed)


# --- tokens ---


def test_the_product_accepts_its_tokens_through_settings_alone(issuer):
    """000-R11: the same code and the same settings as in Azure."""
    actor = verify(issuer, issuer.mint(CALLER, AUDIENCE))
    assert (actor.source_type, actor.subject) == (SourceType.SYSTEM, CALLER)


def test_it_mints_people_too(issuer):
    """002-R8."""
    actor = verify(issuer, issuer.mint(CALLER, AUDIENCE, human=True))
    assert actor.source_type is SourceType.HUMAN


def test_overrides_make_bad_tokens_for_tests(issuer):
    token = issuer.mint(CALLER, AUDIENCE, exp=None, ver="1.0")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert "exp" not in claims
    assert claims["ver"] == "1.0"


def test_it_lives_by_the_clock_it_is_given(tmp_path):
    clock = SteppingClock(datetime(2026, 3, 1, tzinfo=UTC))
    with Issuer.start(tmp_path, clock) as issuer:
        token = issuer.mint(CALLER, AUDIENCE, lifetime=600)
        assert verify(issuer, token, clock=clock)
        clock.advance(seconds=660)
        with pytest.raises(TokenExpired):
            verify(issuer, token, clock=clock)


# --- managed identity ---


@pytest.fixture
def app_service(issuer, monkeypatch):
    """Make the environment look like a function app's."""
    for name in ("MSI_ENDPOINT", "MSI_SECRET", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in issuer.identity_settings().items():
        monkeypatch.setenv(name, value)


def test_the_azure_sdk_gets_a_token_as_in_app_service(issuer, app_service):
    """000-R12: the intake function asks managed identity and holds no secret."""
    with ManagedIdentityCredential() as credential:
        token = credential.get_token(f"{AUDIENCE}/.default").token
    actor = verify(issuer, token, issuer.managed_identity)
    assert actor.actor_id == f"SYSTEM::{issuer.managed_identity}"


@pytest.mark.parametrize("how", [{"client_id": CALLER}, {"identity_config": {"object_id": CALLER}}])
def test_a_user_assigned_identity_is_whoever_is_asked_for(issuer, app_service, how):
    with ManagedIdentityCredential(**how) as credential:
        token = credential.get_token(f"{AUDIENCE}/.default").token
    assert verify(issuer, token).subject == CALLER


def test_the_azure_sdk_is_refused_without_the_header(app_service, monkeypatch):
    monkeypatch.setenv("IDENTITY_HEADER", "guessed")
    with ManagedIdentityCredential() as credential, pytest.raises(ClientAuthenticationError):
        credential.get_token(f"{AUDIENCE}/.default")


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("resource=api://a", {}, 401),
        ("resource=api://a", {"Metadata": "true"}, 401),
        ("", None, 400),
        ("resource=api://a&client_id=me", None, 400),
        ("resource=api://a&mi_res_id=/subscriptions/1", None, 400),
    ],
)
def test_the_endpoint_refuses_as_app_service_does(issuer, read, query, headers, status):
    known = {"X-IDENTITY-HEADER": issuer.identity_header}
    with pytest.raises(HTTPError) as caught:
        read(f"{issuer.url}/msi/token?{query}", **(known if headers is None else headers))
    with caught.value as error:
        assert error.code == status
        assert json.loads(error.read())["statusCode"] == status


# --- documents ---


def test_the_discovery_document_leads_to_the_keys(issuer, read):
    found = read(f"{issuer.issuer}/.well-known/openid-configuration")
    assert found["issuer"] == issuer.issuer
    assert [key["kid"] for key in read(found["jwks_uri"])["keys"]]


def test_the_key_set_holds_no_private_part(issuer, read):
    for key in read(issuer.jwks_uri)["keys"]:
        assert set(key) == {"kty", "use", "kid", "n", "e", "issuer"}


def test_nothing_else_is_there(issuer, read):
    with pytest.raises(HTTPError) as caught:
        read(f"{issuer.url}/")
    caught.value.close()
    assert caught.value.code == 404


# --- rotation and restart ---


def test_after_rotation_old_tokens_verify_until_the_old_key_is_withdrawn(tmp_path):
    with Issuer.start(tmp_path) as issuer:
        old = issuer.mint(CALLER, AUDIENCE)
        issuer.rotate()
        assert verify(issuer, old)
        assert verify(issuer, issuer.mint(CALLER, AUDIENCE))
        issuer.rotate(keep_old=False)
        assert verify(issuer, issuer.mint(CALLER, AUDIENCE))
        with pytest.raises(KeyUnknown):
            verify(issuer, old)


def test_after_a_restart_it_is_the_same_issuer(tmp_path):
    """Settings and allow-lists that were made once stay right."""
    with Issuer.start(tmp_path) as first:
        token, settings = first.mint(CALLER, AUDIENCE), first.settings()
        identity = first.identity_settings()
    with Issuer.start(tmp_path) as second:
        assert second.settings() == settings
        assert second.identity_settings() == identity
        assert verify(second, token)


def test_two_issuers_live_side_by_side(issuer, tmp_path):
    with Issuer.start(tmp_path) as other:
        assert other.port != issuer.port
        with pytest.raises(KeyUnknown):
            verify(issuer, other.mint(CALLER, AUDIENCE))


def test_a_second_server_of_one_folder_takes_another_port(tmp_path):
    with Issuer.start(tmp_path) as first, Issuer.start(tmp_path) as second:
        assert first.port != second.port
        assert verify(second, second.mint(CALLER, AUDIENCE))


def test_private_files_are_their_owners_alone(tmp_path):
    home = tmp_path / "issuer"
    with Issuer.start(home):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        secret = [path for path in home.iterdir() if path.suffix in {".pem", ".json"}]
        assert len(secret) == 2
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secret)


# --- command line ---


def test_the_command_line_mints_and_prints_settings(issuer, capsys):
    home = ["--home", str(issuer._folder.root)]
    assert main([*home, "token", "--audience", AUDIENCE, "--human", "--object-id", CALLER]) == 0
    token = capsys.readouterr().out.strip()
    assert verify(issuer, token).source_type is SourceType.HUMAN
    assert main([*home, "env"]) == 0
    lines = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["OPS_OIDC_JWKS_URI"] == issuer.jwks_uri
    assert lines["OPS_OIDC_ISSUERS"] == f"'{issuer.url}/{{tid}}/v2.0'"
    assert lines["IDENTITY_HEADER"] == issuer.identity_header


def test_an_issuer_that_was_never_served_says_what_to_do(tmp_path, capsys):
    with pytest.raises(NotStartedError):
        Issuer.open(tmp_path)
    assert main(["--home", str(tmp_path), "env"]) == 1
    assert "python -m local.issuer serve" in capsys.readouterr().err


@pytest.mark.parametrize("asked", [["--object-id", "me"], []])
def test_a_mistaken_command_line_is_explained(asked, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["token", *asked])
    assert caught.value.code == 2
    assert "usage: python -m local.issuer" in capsys.readouterr().err


def test_it_serves_as_a_process_until_it_is_interrupted(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "local.issuer", "--home", str(tmp_path), "serve"],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stdout.readline()
        assert first.startswith("Issuer    http://127.0.0.1:")
        issuer = Issuer.open(tmp_path)
        assert uuid.UUID(issuer.directory_id)
        assert verify(issuer, issuer.mint(CALLER, AUDIENCE)).subject == CALLER
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
