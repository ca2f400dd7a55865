"""Tenant keys in plain files: for development, and named for what it is."""

from __future__ import annotations

import os
from pathlib import Path

from shared.kernel.ids import TenantId
from shared.kernel.ports import KeyMissing
from shared.kernel.settings import Environment
from shared.pii.errors import KeysUnavailable

_KEY_BYTES = 32


class UnsafePlaintextKeys:
    """Keeps each tenant key in a file of its own, readable by whoever can read the folder.

    Staging and production refuse it, here and in the settings. The folder lies outside the
    database and every backup, so destroying the file destroys the tenant's personal data.
    """

    def __init__(self, folder: Path, environment: Environment) -> None:
        """Use ``folder``. Raises ``ValueError`` in staging and production."""
        if environment in (Environment.STAGING, Environment.PRODUCTION):
            raise ValueError(f"plain-text keys are refused in {environment}")
        self._folder = folder

    def create(self, tenant_id: TenantId) -> None:
        """Make the tenant's key unless it is there."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Written beside and linked into place, so that a crash leaves a whole key or none.
            draft = self._path(tenant_id).with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, self._path(tenant_id))
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        except OSError as error:
            raise KeysUnavailable from error

    def fetch(self, tenant_id: TenantId) -> bytes:
        """Return the tenant's key."""
        try:
            key = self._path(tenant_id).read_bytes()
        except FileNotFoundError:
            raise KeyMissing from None
        except OSError as error:
            raise KeysUnavailable from error
        if len(key) != _KEY_BYTES:
            raise KeyMissing("The tenant's key file is not a key")
        return key

    def _path(self, tenant_id: TenantId) -> Path:
        return self._folder / f"{tenant_id}.key"
