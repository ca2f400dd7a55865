"""Settings: every problem at once, no value repeated, no contradiction let through."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kernel.settings import Settings, SettingsInvalid, revision_of

GOOD = {
    "OPS_ENVIRONMENT": "testing",
    "OPS_SERVICE_RELEASE_ID": "sha-1",
    "OPS_DATABASE_URL": "postgresql://db.example:5432/opsplane",
    "AzureWebJobsStorage__accountName": "account",
    "INGEST_AAD_AUDIENCE": "api://ingest",
    "OPS_OPERATOR_AUDIENCE": "api://operators",
}
LOCAL = {**GOOD, "OPS_ENVIRONMENT": "local_parity"}
ID = "00000000-0000-4000-8000-000000000001"
NAMES = [item.metadata["name"] for item in fields(Settings)]
REQUIRED = [item.metadata["name"] for item in fields(Settings) if item.metadata["default"] is None]


def problems(env: dict[str, str]) -> str:
    with pytest.raises(SettingsInvalid) as refused:
        Settings.from_env(env)
    assert str(refused.value).count("\n  - ") == len(refused.value.problems)
    return "\n".join(refused.value.problems)


def test_what_is_complete_is_accepted() -> None:
    assert Settings.from_env(GOOD).environment == "testing"
    assert Settings.from_env({**LOCAL, "OPS_SERVICE_RELEASE_ID": ""}).service_release_id


def test_every_missing_name_is_reported_at_once() -> None:
    """003-R11."""
    told = problems({})
    assert REQUIRED
    for name in REQUIRED:
        assert f"{name} is missing" in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPS_ENVIRONMENT", "live"),
        ("OPS_PLANES", "data,moon"),
        ("OPS_SERVICE_RELEASE_ID", "two words"),
        ("OPS_DATABASE_URL", "host=db password=hunter2"),
        ("OPS_DATABASE_URL", "postgresql://owner:hunter2@db/x"),  # pragma: allowlist secret
        ("OPS_DATABASE_URL", "postgresql://db/x?password=hunter2"),
        ("OPS_DATABASE_URL", "postgresql://db/x?hunter2"),
        ("OPS_DATABASE_URL", "postgresql://db/%zzhunter2"),
        ("OPS_DATABASE_CREDENTIAL", "password"),
        ("OPS_DATABASE_POOL_MAX", "0"),
        ("OPS_DATABASE_POOL_MAX", "65"),
        ("OPS_DATABASE_POOL_MAX", "9" * 5_000),
        ("OPS_DATABASE_POOL_MAX", "\N{ARABIC-INDIC DIGIT FOUR}"),
        ("OPS_CREDENTIAL", "none"),
        ("OPS_API_KEYS", "hunter2=someone"),
        ("INGEST_ALLOWED_CALLER_OBJECT_IDS", f"{ID},*"),
        ("OPS_OIDC_JWKS_URI", "http://keys.example/"),
        ("OPS_OIDC_JWKS_URI", "http://localhost:80@keys.example/"),
        ("OPS_OIDC_JWKS_URI", "http://127.0.0.1.keys.example/"),
        ("OPS_OIDC_JWKS_URI", "file:///etc/passwd"),
        ("OPS_KEY_SOURCE", "somewhere"),
        ("OPS_INGEST_MAX_BYTES", "1e9"),
        ("OPS_INGEST_MAX_RECORDS", "-5"),
    ],
)
def test_a_value_that_cannot_be_is_named_by_its_variable_and_not_repeated(
    name: str, value: str
) -> None:
    told = problems({**GOOD, name: value})
    assert told.startswith(f"{name} ")
    assert "hunter2" not in told
    assert value not in told


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.text(st.characters(exclude_categories=["Cs", "Cc"])).map(lambda text: "ZQ" + text),
        min_size=1,
    )
)
def test_no_value_is_ever_repeated(given_values: dict[str, str]) -> None:
    """Whatever stands in a variable, and also when it is accepted and printed."""
    try:
        accepted = Settings.from_env({**LOCAL, **given_values})
    except SettingsInvalid as refused:
        shown = str(refused) + repr(refused) + repr(refused.problems)
        assert not [v for v in given_values.values() if len(v) > 4 and v.strip() in shown]
    else:
        secret = {f.metadata["name"] for f in fields(Settings) if f.metadata["secret"]}
        shown = repr(accepted)
        assert not [
            v for name, v in given_values.items() if name in secret and len(v) > 4 and v in shown
        ]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"OPS_CREDENTIAL": "api_key"}, "static keys are for local_parity alone"),
        ({"OPS_API_KEYS": f"{'a' * 64}={ID}"}, "static keys are for local_parity alone"),
        ({"OPS_ENVIRONMENT": "staging"}, "unsafe_local is refused in staging"),
        ({"OPS_ENVIRONMENT": "production"}, "unsafe_local is refused in production"),
        ({"AzureWebJobsStorage": "UseDevelopmentStorage=true"}, "give one of the two"),
        ({"AzureWebJobsStorage__accountName": ""}, "give one of the two"),
        ({"OPS_OPERATOR_AUDIENCE": "api://ingest"}, "must differ"),
        ({"OPS_SERVICE_RELEASE_ID": ""}, "required outside local_parity"),
    ],
)
def test_values_that_contradict_each_other_are_refused(change: dict[str, str], part: str) -> None:
    """D18, 002-R17: each value is possible, together they are not."""
    assert part in problems({**GOOD, **change})


def test_contradictions_are_reported_together_and_with_what_is_missing() -> None:
    told = problems(
        {
            **GOOD,
            "OPS_ENVIRONMENT": "production",
            "OPS_CREDENTIAL": "api_key",
            "OPS_OPERATOR_AUDIENCE": "api://ingest",
            "OPS_SERVICE_RELEASE_ID": "",
            "OPS_DATABASE_URL": "",
        }
    )
    for part in ("static keys", "unsafe_local", "must differ", "OPS_DATABASE_URL is missing"):
        assert part in told


def test_secrets_are_in_no_repr_and_in_no_revision() -> None:
    """002-B config_revision: a digest of the configuration without its secrets."""
    one = Settings.from_env(
        {
            **LOCAL,
            "AzureWebJobsStorage__accountName": "",
            "AzureWebJobsStorage": "AccountKey=hunter2",
            "OPS_CREDENTIAL": "api_key",
            "OPS_API_KEYS": f"{'ab' * 32}={ID}",
        }
    )
    for hidden in ("hunter2", "ab" * 32, "db.example"):
        assert hidden not in repr(one)
        assert hidden not in str(one)
    other = Settings.from_env({**LOCAL, "OPS_DATABASE_URL": "postgresql://elsewhere/x"})
    assert revision_of(other) == revision_of(Settings.from_env(LOCAL))
    assert revision_of(other) != revision_of(Settings.from_env({**LOCAL, "OPS_WORKSPACE": "x"}))


def test_the_order_of_a_list_is_no_other_configuration() -> None:
    a = {**LOCAL, "OPS_PLANES": "data,jobs"}
    b = {**LOCAL, "OPS_PLANES": " jobs , data "}
    assert revision_of(Settings.from_env(a)) == revision_of(Settings.from_env(b))
