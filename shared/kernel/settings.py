"""Every setting of the product, read once, all problems reported together (003-R11).

The fields below are the whole list: the sample file, the reference page and, later, the Bicep
modules are checked against them. A value marked ``secret`` never appears in a message or a repr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

from shared.kernel import values
from shared.kernel.canonical import Json, digest_of
from shared.kernel.errors import OpsError
from shared.kernel.values import Credential, DatabaseCredential, Environment, KeySource, Plane

__all__ = [
    "Credential",
    "DatabaseCredential",
    "Environment",
    "KeySource",
    "Plane",
    "Settings",
    "SettingsInvalid",
    "revision_of",
    "setting",
]


class SettingsInvalid(OpsError):
    """The environment variables do not make a working configuration."""

    code = "settings.invalid"
    title = "The settings are not complete or not consistent"

    def __init__(self, problems: tuple[str, ...]) -> None:
        """List every problem; each names a variable and what to do, never a value."""
        super().__init__("The settings need attention:\n" + "\n".join(f"  - {p}" for p in problems))
        self.problems = problems


_DEVELOPMENT_KEYS = (KeySource.UNSAFE_LOCAL,)
_GUARDED = (Environment.STAGING, Environment.PRODUCTION)


def setting(
    name: str,
    parse: Callable[[str], Any],
    meaning: str,
    *,
    default: str | None = None,
    secret: bool = False,
) -> Any:
    meta = {"name": name, "parse": parse, "doc": meaning, "default": default, "secret": secret}
    return field(metadata=meta, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration of one app in one environment."""

    environment: Environment = setting(
        "OPS_ENVIRONMENT",
        values.one_of(Environment),
        "The environment; must equal the marker in the database (D1).",
    )
    workspace: str = setting(
        "OPS_WORKSPACE",
        values.text,
        "A short name of this environment's workspace.",
        default="opsplane",
    )
    planes: frozenset[Plane] = setting(
        "OPS_PLANES",
        values.some_of(Plane),
        "The planes that this app serves, separated by commas.",
        default="data,control,jobs",
    )
    service_release_id: str = setting(
        "OPS_SERVICE_RELEASE_ID",
        values.release,
        "Image digest, tag or commit of the running code; on every record (002-R17).",
        default="unreleased",
    )
    database_url: str = setting(
        "OPS_DATABASE_URL",
        values.database,
        "Postgres, without a user: postgresql://host:port/database[?passfile=…]. "
        "Each duty connects as its own login.",
        secret=True,
    )
    database_credential: DatabaseCredential = setting(
        "OPS_DATABASE_CREDENTIAL",
        values.one_of(DatabaseCredential),
        "passfile: libpq's pass file; entra: a managed-identity token per connection.",
        default="passfile",
    )
    database_identities: Mapping[str, str] = setting(
        "OPS_DATABASE_CLIENT_IDS",
        values.identities,
        "With entra: the client id of each duty login's managed identity, <login>=<client id>, "
        "separated by commas. A login without one cannot be used by this app.",
        default="",
    )
    database_pool_max: int = setting(
        "OPS_DATABASE_POOL_MAX",
        values.whole(1, 64),
        "Connections per duty login: one more than PYTHON_THREADPOOL_THREAD_COUNT, the worker's "
        "threads, because receipt documents are written beside them.",
        default="5",
    )
    storage: str = setting(
        "AzureWebJobsStorage",
        values.text,
        "Storage connection string; empty when the account is reached by managed identity.",
        default="",
        secret=True,
    )
    storage_account: str = setting(
        "AzureWebJobsStorage__accountName",
        values.text,
        "Storage account name for managed identity; takes the place of the connection string.",
        default="",
    )
    credential: Credential = setting(
        "OPS_CREDENTIAL",
        values.one_of(Credential),
        "How callers prove themselves; api_key is refused outside local_parity (D18).",
        default="token",
    )
    api_keys: Mapping[str, str] = setting(
        "OPS_API_KEYS",
        values.api_keys,
        "local_parity only: <SHA-256 of the key>=<object id>, separated by commas.",
        default="",
        secret=True,
    )
    ingest_audience: str = setting(
        "INGEST_AAD_AUDIENCE", values.text, "Audience of tokens for the ingest gate (000-R11)."
    )
    ingest_callers: frozenset[str] = setting(
        "INGEST_ALLOWED_CALLER_OBJECT_IDS",
        values.object_ids,
        "Object ids that may call the ingest gate (000-R11); empty refuses everyone.",
        default="",
    )
    operator_audience: str = setting(
        "OPS_OPERATOR_AUDIENCE", values.text, "Audience of tokens for operators and governance."
    )
    operator_callers: frozenset[str] = setting(
        "OPS_ALLOWED_OPERATOR_OBJECT_IDS",
        values.object_ids,
        "Object ids that may call operator routes; empty refuses everyone.",
        default="",
    )
    oidc_issuers: tuple[str, ...] = setting(
        "OPS_OIDC_ISSUERS",
        values.names,
        "Accepted issuers; {tid} stands for the token's directory.",
        default="https://login.microsoftonline.com/{tid}/v2.0,https://sts.windows.net/{tid}/",
    )
    oidc_directories: frozenset[str] = setting(
        "OPS_OIDC_DIRECTORY_IDS",
        lambda text: frozenset(part.lower() for part in values.parts(text)),
        "Directories (tid) whose tokens are accepted; empty refuses everyone.",
        default="",
    )
    oidc_jwks_uri: str = setting(
        "OPS_OIDC_JWKS_URI",
        values.web_address,
        "Where the issuer publishes its signing keys.",
        default="https://login.microsoftonline.com/common/discovery/v2.0/keys",
    )
    oidc_object_claim: str = setting(
        "OPS_OIDC_OBJECT_CLAIM",
        values.text,
        "Claim that holds the caller's object id.",
        default="oid",
    )
    oidc_directory_claim: str = setting(
        "OPS_OIDC_DIRECTORY_CLAIM", values.text, "Claim that holds the directory id.", default="tid"
    )
    key_source: KeySource = setting(
        "OPS_KEY_SOURCE",
        values.one_of(KeySource),
        "Where tenant keys live; unsafe_local keeps them in files and is refused in "
        "staging and production.",
        default="unsafe_local",
    )
    keys_path: str = setting(
        "OPS_KEYS_PATH",
        values.text,
        "Folder of the unsafe local keys, outside the database and every backup.",
        default=".opsplane/keys",
    )
    ingest_max_bytes: int = setting(
        "OPS_INGEST_MAX_BYTES",
        values.whole(1024, 104_857_600),
        "Largest request body of the ingest gate in bytes; the host's own limit is 104857600.",
        default="4194304",
    )
    ingest_max_records: int = setting(
        "OPS_INGEST_MAX_RECORDS",
        values.whole(1, 10_000),
        "Most records in one request of the ingest gate.",
        default="2000",
    )
    quarantine_days: int = setting(
        "OPS_QUARANTINE_DAYS",
        values.whole(1, 365),
        "Days for which a record that lenient handling set aside is held.",
        default="30",
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises `SettingsInvalid` with every problem at once."""
        found: dict[str, Any] = {}
        problems: list[str] = []
        for item in fields(cls):
            name, default = item.metadata["name"], item.metadata["default"]
            text: str = env.get(name, "").strip()
            if not text and default is None:
                problems.append(f"{name} is missing. {item.metadata['doc']}")
                continue
            try:
                found[item.name] = item.metadata["parse"](text or cast("str", default))
            except values.Unfit as error:
                problems.append(f"{name} {error}")
        problems += _contradictions(found)
        if problems:
            raise SettingsInvalid(tuple(problems))
        return cls(**found)


def _contradictions(found: Mapping[str, Any]) -> list[str]:
    """Name what each value allows and their combination does not.

    A value that is missing or unfit is reported already; the rules that need it are passed over.
    """
    problems: list[str] = []
    environment = found.get("environment")
    if found.get("credential") is Credential.API_KEY or found.get("api_keys"):
        if environment not in (None, Environment.LOCAL_PARITY):
            problems.append(
                "OPS_CREDENTIAL and OPS_API_KEYS: static keys are for local_parity alone (D18)"
            )
        if bool(found.get("api_keys")) != (found.get("credential") is Credential.API_KEY):
            problems.append("OPS_API_KEYS goes with OPS_CREDENTIAL=api_key and only with it")
    if found.get("key_source") in _DEVELOPMENT_KEYS and environment in _GUARDED:
        problems.append(
            f"OPS_KEY_SOURCE=unsafe_local is refused in {environment}: "
            "tenant keys in plain files protect nobody"
        )
    entra = found.get("database_credential") is DatabaseCredential.ENTRA
    if entra != bool(found.get("database_identities", entra)):
        problems.append(
            "OPS_DATABASE_CLIENT_IDS goes with OPS_DATABASE_CREDENTIAL=entra and only with it"
        )
    if bool(found.get("storage")) == bool(found.get("storage_account")):
        problems.append(
            "AzureWebJobsStorage (a connection string) or AzureWebJobsStorage__accountName "
            "(managed identity): give one of the two"
        )
    audience = found.get("ingest_audience")
    if audience is not None and audience == found.get("operator_audience"):
        problems.append("INGEST_AAD_AUDIENCE and OPS_OPERATOR_AUDIENCE must differ")
    released = found.get("service_release_id") != "unreleased"
    if environment not in (None, Environment.LOCAL_PARITY) and not released:
        problems.append("OPS_SERVICE_RELEASE_ID is required outside local_parity (002-R17)")
    return problems


def revision_of(settings: Settings) -> str:
    """Return the digest of the configuration, without its secrets (002-B: config_revision)."""
    told: dict[str, Json] = {}
    for item in fields(settings):
        if not item.metadata["secret"]:
            value = getattr(settings, item.name)
            told[item.metadata["name"]] = (
                sorted(str(part) for part in value)
                if isinstance(value, (frozenset, tuple))
                else str(value)
            )
    return digest_of("ops.config.v1", told).hex()
