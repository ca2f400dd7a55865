"""Managed identity: credentials for storage, tokens for Postgres; and an operator's own token."""

from __future__ import annotations

from functools import lru_cache

from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from shared.identity.errors import CredentialMissing
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


def operator_token(audience: str) -> str:
    """Return a token for ``audience`` of whoever is signed in here. Raises `CredentialMissing`.

    A person signed in with the Azure CLI, a workload or managed identity, in the library's order.
    """
    try:
        with DefaultAzureCredential() as signed_in:
            return str(signed_in.get_token(f"{audience}/.default").token)
    except AzureError as error:
        raise CredentialMissing("Nobody is signed in to Azure here") from error
