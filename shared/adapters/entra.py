"""Managed identity: credentials for storage, tokens for Postgres."""

from __future__ import annotations

from functools import lru_cache

from azure.core.exceptions import AzureError
from azure.identity import ManagedIdentityCredential

from shared.kernel.db import DatabaseUnavailable, Login

_POSTGRES = "https://ossrdbms-aad.database.windows.net/.default"


@lru_cache(maxsize=1)
def credential() -> ManagedIdentityCredential:
    """Return the app's managed identity; tokens are cached inside."""
    return ManagedIdentityCredential()


def database_token(login: Login) -> str:  # noqa: ARG001 - each login's identity comes with its app
    """Return an access token to use as a Postgres password. Raises `DatabaseUnavailable`."""
    try:
        return str(credential().get_token(_POSTGRES).token)
    except AzureError as error:
        raise DatabaseUnavailable from error
