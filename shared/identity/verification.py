"""One way in: whatever the environment's credential mode is, a verified actor comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.identity.errors import CredentialMissing
from shared.kernel.call import Actor

if TYPE_CHECKING:
    from shared.identity.api_keys import UnsafeStaticKeys
    from shared.identity.tokens import TokenVerifier
    from shared.kernel.settings import Settings

AUTHORIZATION = "authorization"
API_KEY = "x-api-key"  # pragma: allowlist secret - a header name


class Audience(StrEnum):
    """Whom a route serves; each has its own token audience and allow-list (000-R11)."""

    INGEST = "ingest"
    OPERATORS = "operators"


@dataclass(frozen=True)
class Verification:
    """Verifies the credential of a request in the environment's one mode (D18)."""

    settings: Settings
    tokens: TokenVerifier | None = None
    keys: UnsafeStaticKeys | None = None

    def verify(self, headers: Mapping[str, str], audience: Audience) -> Actor:
        """Return the actor behind a request. Raises an error of `shared.identity.errors`."""
        settings = self.settings
        name, allowed = (
            (settings.ingest_audience, settings.ingest_callers)
            if audience is Audience.INGEST
            else (settings.operator_audience, settings.operator_callers)
        )
        if self.keys is not None:
            key = headers.get(API_KEY)
            if not key:
                raise CredentialMissing
            return self.keys.verify(key, allowed)
        if self.tokens is None:
            raise CredentialMissing
        # PyJWT and the verifier are imported with the first token, not with the app.
        from shared.identity.tokens import bearer  # noqa: PLC0415 - see above

        token = bearer(headers.get(AUTHORIZATION))
        return self.tokens.verify(token, audience=name, allowed=allowed)
