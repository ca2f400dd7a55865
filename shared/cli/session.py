"""Who is calling, with which settings, through which services.

An operator is verified as over HTTP: by the environment's one credential mode, for the operators'
audience and allow-list, with the roles that the database grants. No flag claims an identity.

1. ``--token-file FILE``, else ``OPS_TOKEN``: a bearer token.
2. Where the environment takes static keys (local_parity): ``OPS_API_KEY``.
3. Outside local_parity, with neither: the token of whoever is signed in to Azure here.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from shared.kernel.errors import Invalid, OpsError

if TYPE_CHECKING:
    from shared.bootstrap import Ports, Services
    from shared.kernel.call import Actor, Call

TOKEN = "OPS_TOKEN"  # noqa: S105 - the name of a variable
API_KEY = "OPS_API_KEY"  # pragma: allowlist secret
_MIGRATOR = "opsplane.migrator"


class TokenFileUnreadable(Invalid):
    """The file of ``--token-file`` cannot be read, or a token has no use here."""

    code = "cli.token_unusable"
    title = "The token file cannot be used"


class Session:
    """One run of the command line."""

    def __init__(
        self, options: argparse.Namespace, environment: Mapping[str, str], ports: Ports | None
    ) -> None:
        """Remember what was asked for; settings are read when a command needs them."""
        self.options = options
        self.environment = environment
        self._ports = ports
        self._actor: Actor | None = None

    @cached_property
    def services(self) -> Services:
        """Return the services. Raises `SettingsInvalid` with every problem."""
        import logging

        from shared.bootstrap import build

        root = logging.getLogger()
        if not root.handlers:
            # What libraries log would stand between the lines of an answer or a problem.
            root.addHandler(logging.NullHandler())
        return build(self.environment, self._ports)

    def close(self) -> None:
        """Let go of every connection."""
        if "services" in self.__dict__:
            self.services.close()

    def operator(self) -> Call:
        """Return the call of a verified operator with its roles.

        Raises an error of `shared.identity.errors`, `EnvironmentDiffers`, `Unavailable`.
        """
        from shared.identity.verification import Audience

        services = self.services
        self._actor = services.verification.verify(self._credential(), Audience.OPERATORS)
        return services.authority.with_roles(services.call(self._actor))

    def inside(self) -> Call:
        """Return the operator's call inside the tenant that ``--tenant`` names.

        Raises what `operator` raises, and an error for a tenant that is not there.
        """
        from shared.kernel.ids import TenantId

        call = self.operator()
        found = self.services.provisioning.tenant(call, self.options.tenant)
        return call.for_tenant(TenantId(found.tenant_id))

    def migrator(self) -> Call:
        """Return the call of whoever holds the migrator's database login."""
        from shared.kernel.call import Actor, AuthMode, SourceType

        actor = Actor(SourceType.SYSTEM, _MIGRATOR, AuthMode.DATABASE_LOGIN)
        return self.services.call(actor)

    def count_refusal(self, error: OpsError) -> None:
        """Count a refused credential or permission, as the edge of HTTP does; best effort.

        A call without any credential is a slip at the keyboard, and is not counted.
        """
        from shared.identity.errors import CredentialMissing
        from shared.kernel.call import Actor, AuthMode, SourceType
        from shared.kernel.errors import Denied, Unauthenticated

        if not isinstance(error, (Denied, Unauthenticated)) or isinstance(error, CredentialMissing):
            return
        nobody = Actor(SourceType.SYSTEM, "nobody", AuthMode.TOKEN)
        known = self._actor.subject if self._actor else getattr(error, "caller", None)
        try:
            self.services.denials.count(
                self.services.call(self._actor or nobody), error.code, known
            )
        except Exception:  # noqa: BLE001 - a refused caller is refused even when counting fails
            return

    def _credential(self) -> Mapping[str, str]:
        """Return the headers that carry the credential; empty when there is none."""
        from shared.identity.verification import API_KEY as KEY_HEADER
        from shared.identity.verification import AUTHORIZATION
        from shared.kernel.settings import Credential, Environment

        settings = self.services.settings
        token = self._token()
        if settings.credential is Credential.API_KEY:
            if token:
                raise TokenFileUnreadable(f"This environment takes static keys: set {API_KEY}")
            return {KEY_HEADER: self.environment.get(API_KEY, "").strip()}
        if not token and settings.environment is not Environment.LOCAL_PARITY:
            token = self.services.operator_token()
        return {AUTHORIZATION: f"Bearer {token}"} if token else {}

    def _token(self) -> str:
        file = self.options.token_file
        if file is None:
            return self.environment.get(TOKEN, "").strip()
        try:
            return Path(file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TokenFileUnreadable from error
