"""How the value of a setting is spelled: each reader says what it should have looked like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict


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


_OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_API_KEY = re.compile(r"([0-9a-f]{64})=(" + _OBJECT_ID.pattern + ")")
_IDENTITY = re.compile(r"(ops_[a-z]+)=(" + _OBJECT_ID.pattern + ")")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/+\-]{0,127}")


class Unfit(ValueError):
    """What a variable should have looked like."""


def one_of[E: StrEnum](kind: type[E]) -> Callable[[str], E]:
    """Read one word of an enumeration."""

    def parse(text: str) -> E:
        try:
            return kind(text)
        except ValueError:
            raise Unfit("must be one of " + ", ".join(kind)) from None

    return parse


def some_of[E: StrEnum](kind: type[E]) -> Callable[[str], frozenset[E]]:
    """Read words of an enumeration, separated by commas."""
    one = one_of(kind)
    return lambda text: frozenset(one(part) for part in parts(text))


def parts(text: str) -> list[str]:
    """Return what stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def object_ids(text: str) -> frozenset[str]:
    """Read directory object ids."""
    found = frozenset(part.lower() for part in parts(text))
    if not all(_OBJECT_ID.fullmatch(part) for part in found):
        raise Unfit("must be object ids (UUIDs) separated by commas")
    return found


def api_keys(text: str) -> Mapping[str, str]:
    """Read static keys: digest of the key to object id."""
    matches = [_API_KEY.fullmatch(part) for part in parts(text.lower())]
    if not all(matches):
        raise Unfit("must be <SHA-256 of the key in hex>=<object id>, separated by commas")
    return {match[1]: match[2] for match in matches if match}


def identities(text: str) -> Mapping[str, str]:
    """Read managed identities: duty login to client id."""
    matches = [_IDENTITY.fullmatch(part) for part in parts(text.lower())]
    if not all(matches):
        raise Unfit("must be <login>=<client id>, separated by commas")
    return {match[1]: match[2] for match in matches if match}


def whole(low: int, high: int) -> Callable[[str], int]:
    """Read a whole number within bounds, both inclusive."""

    def parse(text: str) -> int:
        short = len(text) <= len(str(high))
        if not (short and text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise Unfit(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def release(text: str) -> str:
    """Read a release id."""
    if not _RELEASE.fullmatch(text):
        raise Unfit("must be an image digest, tag or commit of at most 128 characters")
    return text


def web_address(text: str) -> str:
    """Read a web address that is encrypted, or on loopback."""
    if not re.fullmatch(r"https?://[^\s]+", text):
        raise Unfit("must begin with https:// (http:// only on loopback)")
    loopback = re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/|$)", text)
    if text.startswith("http://") and not loopback:
        raise Unfit("must begin with https:// (http:// only on loopback)")
    return text


def database(text: str) -> str:
    """Read a Postgres address that names no user."""
    # Checked here, because libpq's parser repeats in its message what it could not read.
    form = "must be postgresql://host:port/database, without a user or a password"
    if not text.startswith(("postgresql://", "postgres://")):
        raise Unfit(form)
    try:
        given = conninfo_to_dict(text)
    except ProgrammingError:
        raise Unfit(form) from None
    if given.keys() & {"user", "password"}:
        raise Unfit(form)
    return text


def text(given: str) -> str:
    """Read any text."""
    return given


def names(text: str) -> tuple[str, ...]:
    """Read names, separated by commas."""
    return tuple(parts(text))
