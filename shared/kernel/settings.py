"""Every setting of the product, read once, all problems reported together (003-R11).

The fields below are the whole list: the sample file, the reference page and, later, the Bicep
modules are checked against them. A value marked ``secret`` never appears in a message or a repr.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, cast

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from shared.kernel.canonical import Json, digest_of
from shared.kernel.errors import OpsError


class Environment(StrEnum):
    """The five environments (D1)."""

    LOCAL_PARITY = "local_parity"
    DEVELOPMENT = "development"
    TESTING = "testing"
    STAGING = "staging"
    PRODUCTION = "production"


class Plane(StrEnum):
    """Which functions an app serves; each plane is an app of its own in Azure (design 1)."""

    DATA = "data"
    CONTROL = "control"
    JOBS = "jobs"


class Credential(StrEnum):
    """How callers prove who they are; one mode per environment (D18)."""

    TOKEN = "token"  # noqa: S105 - the name of a mode, no secret
    API_KEY = "api_key"  # pragma: allowlist secret - the name of a mode


class KeySource(StrEnum):
    """Where tenant keys live."""

    UNSAFE_LOCAL = "unsafe_local"


class DatabaseCredential(StrEnum):
    """How a duty login proves itself to Postgres."""

    PASSFILE = "passfile"
    ENTRA = "entra"


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
_OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_API_KEY = re.compile(r"([0-9a-f]{64})=(" + _OBJECT_ID.pattern + ")")
_IDENTITY = re.compile(r"(ops_[a-z]+)=(" + _OBJECT_ID.pattern + ")")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/+\-]{0,127}")


class _Unfit(ValueError):
    """What a variable should have looked like."""


def _one_of[E: StrEnum](kind: type[E]) -> Callable[[str], E]:
    def parse(text: str) -> E:
        try:
            return kind(text)
        except ValueError:
            raise _Unfit("must be one of " + ", ".join(kind)) from None

    return parse


def _some_of[E: StrEnum](kind: type[E]) -> Callable[[str], frozenset[E]]:
    one = _one_of(kind)
    return lambda text: frozenset(one(part) for part in _parts(text))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _object_ids(text: str) -> frozenset[str]:
    found = frozenset(part.lower() for part in _parts(text))
    if not all(_OBJECT_ID.fullmatch(part) for part in found):
        raise _Unfit("must be object ids (UUIDs) separated by commas")
    return found


def _api_keys(text: str) -> Mapping[str, str]:
    matches = [_API_KEY.fullmatch(part) for part in _parts(text.lower())]
    if not all(matches):
        raise _Unfit("must be <SHA-256 of the key in hex>=<object id>, separated by commas")
    return {match[1]: match[2] for match in matches if match}


def _identities(text: str) -> Mapping[str, str]:
    matches = [_IDENTITY.fullmatch(part) for part in _parts(text.lower())]
    if not all(matches):
        raise _Unfit("must be <login>=<client id>, separated by commas")
    return {match[1]: match[2] for match in matches if match}


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        short = len(text) <= len(str(high))
        if not (short and text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise _Unfit(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _release(text: str) -> str:
    if not _RELEASE.fullmatch(text):
        raise _Unfit("must be an image digest, tag or commit of at most 128 characters")
    return text


def _web_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s]+", text):
        raise _Unfit("must begin with https:// (http:// only on loopback)")
    loopback = re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/|$)", text)
    if text.startswith("http://") and not loopback:
        raise _Unfit("must begin with https:// (http:// only on loopback)")
    return text


def _database(text: str) -> str:
    # Checked here, because libpq's parser repeats in its message what it could not read.
    form = "must be postgresql://host:port/database, without a user or a password"
    if not text.startswith(("postgresql://", "postgres://")):
        raise _Unfit(form)
    try:
        parts = conninfo_to_dict(text)
    except ProgrammingError:
        raise _Unfit(form) from None
    if parts.keys() & {"user", "password"}:
        raise _Unfit(form)
    return text


def _text(text: str) -> str:
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(_parts(text))


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
        _one_of(Environment),
        "The environment; must equal the marker in the database (D1).",
    )
    workspace: str = setting(
        "OPS_WORKSPACE", _text, "A short name of this environment's workspace.", default="opsplane"
    )
    planes: frozenset[Plane] = setting(
        "OPS_PLANES",
        _some_of(Plane),
        "The planes that this app serves, separated by commas.",
        default="data,control,jobs",
    )
    service_release_id: str = setting(
        "OPS_SERVICE_RELEASE_ID",
        _release,
        "Image digest, tag or commit of the running code; on every record (002-R17).",
        default="unreleased",
    )
    database_url: str = setting(
        "OPS_DATABASE_URL",
        _database,
        "Postgres, without a user: postgresql://host:port/database[?passfile=…]. "
        "Each duty connects as its own login.",
        secret=True,
    )
    database_credential: DatabaseCredential = setting(
        "OPS_DATABASE_CREDENTIAL",
        _one_of(DatabaseCredential),
        "passfile: libpq's pass file; entra: a managed-identity token per connection.",
        default="passfile",
    )
    database_identities: Mapping[str, str] = setting(
        "OPS_DATABASE_CLIENT_IDS",
        _identities,
        "With entra: the client id of each duty login's managed identity, <login>=<client id>, "
        "separated by commas. A login without one cannot be used by this app.",
        default="",
    )
    database_pool_max: int = setting(
        "OPS_DATABASE_POOL_MAX",
        _whole(1, 64),
        "Connections per duty login: one more than PYTHON_THREADPOOL_THREAD_COUNT, the worker's "
        "threads, because receipt documents are written beside them.",
        default="5",
    )
    storage: str = setting(
        "AzureWebJobsStorage",
        _text,
        "Storage connection string; empty when the account is reached by managed identity.",
        default="",
        secret=True,
    )
    storage_account: str = setting(
        "AzureWebJobsStorage__accountName",
        _text,
        "Storage account name for managed identity; takes the place of the connection string.",
        default="",
    )
    credential: Credential = setting(
        "OPS_CREDENTIAL",
        _one_of(Credential),
        "How callers prove themselves; api_key is refused outside local_parity (D18).",
        default="token",
    )
    api_keys: Mapping[str, str] = setting(
        "OPS_API_KEYS",
        _api_keys,
        "local_parity only: <SHA-256 of the key>=<object id>, separated by commas.",
        default="",
        secret=True,
    )
    ingest_audience: str = setting(
        "INGEST_AAD_AUDIENCE", _text, "Audience of tokens for the ingest gate (000-R11)."
    )
    ingest_callers: frozenset[str] = setting(
        "INGEST_ALLOWED_CALLER_OBJECT_IDS",
        _object_ids,
        "Object ids that may call the ingest gate (000-R11); empty refuses everyone.",
        default="",
    )
    operator_audience: str = setting(
        "OPS_OPERATOR_AUDIENCE", _text, "Audience of tokens for operators and governance."
    )
    operator_callers: frozenset[str] = setting(
        "OPS_ALLOWED_OPERATOR_OBJECT_IDS",
        _object_ids,
        "Object ids that may call operator routes; empty refuses everyone.",
        default="",
    )
    oidc_issuers: tuple[str, ...] = setting(
        "OPS_OIDC_ISSUERS",
        _names,
        "Accepted issuers; {tid} stands for the token's directory.",
        default="https://login.microsoftonline.com/{tid}/v2.0,https://sts.windows.net/{tid}/",
    )
    oidc_directories: frozenset[str] = setting(
        "OPS_OIDC_DIRECTORY_IDS",
        lambda text: frozenset(part.lower() for part in _parts(text)),
        "Directories (tid) whose tokens are accepted; empty refuses everyone.",
        default="",
    )
    oidc_jwks_uri: str = setting(
        "OPS_OIDC_JWKS_URI",
        _web_address,
        "Where the issuer publishes its signing keys.",
        default="https://login.microsoftonline.com/common/discovery/v2.0/keys",
    )
    oidc_object_claim: str = setting(
        "OPS_OIDC_OBJECT_CLAIM", _text, "Claim that holds the caller's object id.", default="oid"
    )
    oidc_directory_claim: str = setting(
        "OPS_OIDC_DIRECTORY_CLAIM", _text, "Claim that holds the directory id.", default="tid"
    )
    key_source: KeySource = setting(
        "OPS_KEY_SOURCE",
        _one_of(KeySource),
        "Where tenant keys live; unsafe_local keeps them in files and is refused in "
        "staging and production.",
        default="unsafe_local",
    )
    keys_path: str = setting(
        "OPS_KEYS_PATH",
        _text,
        "Folder of the unsafe local keys, outside the database and every backup.",
        default=".opsplane/keys",
    )
    ingest_max_bytes: int = setting(
        "OPS_INGEST_MAX_BYTES",
        _whole(1024, 104_857_600),
        "Largest request body of the ingest gate in bytes; the host's own limit is 104857600.",
        default="4194304",
    )
    ingest_max_records: int = setting(
        "OPS_INGEST_MAX_RECORDS",
        _whole(1, 10_000),
        "Most records in one request of the ingest gate.",
        default="2000",
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises `SettingsInvalid` with every problem at once."""
        values: dict[str, Any] = {}
        problems: list[str] = []
        for item in fields(cls):
            name, default = item.metadata["name"], item.metadata["default"]
            text: str = env.get(name, "").strip()
            if not text and default is None:
                problems.append(f"{name} is missing. {item.metadata['doc']}")
                continue
            try:
                values[item.name] = item.metadata["parse"](text or cast("str", default))
            except _Unfit as error:
                problems.append(f"{name} {error}")
        problems += _contradictions(values)
        if problems:
            raise SettingsInvalid(tuple(problems))
        return cls(**values)


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """Name what each value allows and their combination does not.

    A value that is missing or unfit is reported already; the rules that need it are passed over.
    """
    problems: list[str] = []
    environment = values.get("environment")
    if values.get("credential") is Credential.API_KEY or values.get("api_keys"):
        if environment not in (None, Environment.LOCAL_PARITY):
            problems.append(
                "OPS_CREDENTIAL and OPS_API_KEYS: static keys are for local_parity alone (D18)"
            )
        if bool(values.get("api_keys")) != (values.get("credential") is Credential.API_KEY):
            problems.append("OPS_API_KEYS goes with OPS_CREDENTIAL=api_key and only with it")
    if values.get("key_source") in _DEVELOPMENT_KEYS and environment in _GUARDED:
        problems.append(
            f"OPS_KEY_SOURCE=unsafe_local is refused in {environment}: "
            "tenant keys in plain files protect nobody"
        )
    entra = values.get("database_credential") is DatabaseCredential.ENTRA
    if entra != bool(values.get("database_identities", entra)):
        problems.append(
            "OPS_DATABASE_CLIENT_IDS goes with OPS_DATABASE_CREDENTIAL=entra and only with it"
        )
    if bool(values.get("storage")) == bool(values.get("storage_account")):
        problems.append(
            "AzureWebJobsStorage (a connection string) or AzureWebJobsStorage__accountName "
            "(managed identity): give one of the two"
        )
    audience = values.get("ingest_audience")
    if audience is not None and audience == values.get("operator_audience"):
        problems.append("INGEST_AAD_AUDIENCE and OPS_OPERATOR_AUDIENCE must differ")
    released = values.get("service_release_id") != "unreleased"
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
