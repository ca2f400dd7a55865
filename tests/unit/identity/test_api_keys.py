"""Static keys of local_parity."""

from __future__ import annotations

import hashlib

import pytest

from shared.identity import errors
from shared.identity.api_keys import MIN_KEY_CHARS, UnsafeStaticKeys
from shared.kernel.call import AuthMode, SourceType
from shared.kernel.settings import Settings, SettingsInvalid
from tests.unit.identity.forging import CALLER, STRANGER

KEY = "local-parity-key-0123456789abcdefgh"  # pragma: allowlist secret
OTHER = KEY[::-1]


def hashed(key):
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture
def static_keys():
    return UnsafeStaticKeys({hashed(OTHER): STRANGER, hashed(KEY).upper(): CALLER.upper()})


def test_a_known_key_is_a_service_and_never_a_person(static_keys):
    """002-R5, 002-R8."""
    actor = static_keys.verify(KEY, frozenset({CALLER.upper()}))
    assert (actor.source_type, actor.subject) == (SourceType.SYSTEM, CALLER)
    assert actor.auth_mode is AuthMode.API_KEY
    assert not actor.permissions


@pytest.mark.parametrize(
    "key", [KEY + "x", KEY[:-1], KEY.upper(), hashed(KEY), KEY + "\n", "é" * 40, "x" * 513]
)
def test_any_other_key_is_refused(static_keys, key):
    with pytest.raises(errors.StaticKeyInvalid) as caught:
        static_keys.verify(key, frozenset({CALLER}))
    assert caught.value.caller is None


def test_a_short_key_is_refused_even_when_its_hash_is_known():
    short = "k" * (MIN_KEY_CHARS - 1)
    with pytest.raises(errors.StaticKeyInvalid):
        UnsafeStaticKeys({hashed(short): CALLER}).verify(short, frozenset({CALLER}))


def test_without_a_key_a_credential_is_missing(static_keys):
    with pytest.raises(errors.CredentialMissing):
        static_keys.verify("", frozenset({CALLER}))


def test_a_known_key_that_is_not_on_the_list_is_forbidden(static_keys):
    """002-R7: one list of callers, whatever the credential."""
    with pytest.raises(errors.CallerForbidden) as caught:
        static_keys.verify(OTHER, frozenset({CALLER}))
    assert caught.value.caller == STRANGER


@pytest.mark.parametrize("environment", ["development", "testing", "staging", "production"])
def test_no_other_environment_starts_with_static_keys(environment):
    """D18."""
    env = {
        "OPS_ENVIRONMENT": environment,
        "OPS_DATABASE_URL": "postgresql://127.0.0.1/ops",
        "OPS_CREDENTIAL": "api_key",
        "OPS_API_KEYS": f"{hashed(KEY)}={CALLER}",
        "INGEST_AAD_AUDIENCE": "api://a",
        "OPS_OPERATOR_AUDIENCE": "api://b",
    }
    with pytest.raises(SettingsInvalid, match="local_parity alone"):
        Settings.from_env(env)
