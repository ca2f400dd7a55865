"""Managed identity: credentials for storage, tokens for Postgres; and an operator's own token."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from shared.identity.errors import CredentialMissing
from shared.kernel.db import DatabaseUnavailable, Login
from shared.kernel.errors import OpsError


class LoginNotOurs(OpsError):
    """This app has no identity for a duty that it was asked to act in: a wrong setting."""

    code = "identity.login_not_ours"
    title = "This app has no identity for that database login"


_POSTGRES = "https://ossrdbms-aad.database.windows.net/.default"


@lru_cache(maxsize=1)
def credential() -> ManagedIdentityCredential:
    """Return the app's managed identity; tokens are cached inside."""
    return ManagedIdentityCredential()


class DatabaseTokens:
    """Access tokens as Postgres passwords: one managed identity per duty login (design 3)."""

    def __init__(self, client_ids: Mapping[str, str]) -> None:
        """Remember whose token belongs to which login; asks nobody yet."""
        self._credentials = {
            login: ManagedIdentityCredential(client_id=client_id)
            for login, client_id in client_ids.items()
        }

    def __call__(self, login: Login) -> str:
        """Return a token for a login. Raises `DatabaseUnavailable`, `LoginNotOurs`."""
        if login.value not in self._credentials:
            raise LoginNotOurs(f"OPS_DATABASE_CLIENT_IDS names no identity for {login}")
        try:
            return str(self._credentials[login.value].get_token(_POSTGRES).token)
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
