"""The issuer: mints tokens of Entra's shape, publishes its keys, rotates them."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import jwt
from jwt.algorithms import RSAAlgorithm

from local.issuer.folder import Folder
from local.issuer.server import LOOPBACK, IssuerServer, listen
from shared.kernel.clock import Clock, SystemClock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_MANAGED_IDENTITY_SECONDS = 24 * 3600
_SCHEME = "Bearer"


class NotStartedError(RuntimeError):
    """The issuer has never been served, so its tokens could name no address."""


class Issuer:
    """One issuer and its folder; as a context manager it stops serving at the end."""

    def __init__(self, folder: Folder, clock: Clock, port: int) -> None:
        """Be the issuer of a folder, under the address it was served at."""
        self._folder = folder
        self._clock = clock
        self._known = folder.read()
        self._keys: dict[str, RSAPrivateKey] = {kid: folder.key(kid) for kid in self._known.kids}
        self._server: IssuerServer | None = None
        self.port = port

    @classmethod
    def start(cls, home: Path, clock: Clock | None = None) -> Self:
        """Serve the issuer of ``home`` on loopback, on its last port if that is free."""
        folder = Folder(home)
        issuer = cls(folder, clock or SystemClock(), folder.read().port)
        server = listen(issuer, issuer.port)
        issuer._server = server
        issuer.port = server.server_address[1]
        folder.keep_port(issuer.port)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return issuer

    @classmethod
    def open(cls, home: Path, clock: Clock | None = None) -> Self:
        """Be the issuer of ``home`` without serving it. Raises `NotStartedError`."""
        folder = Folder(home)
        port = folder.read().port
        if not port:
            raise NotStartedError(
                "The issuer has not been served yet. Run: python -m local.issuer serve"
            )
        return cls(folder, clock or SystemClock(), port)

    def stop(self) -> None:
        """Stop serving; keys and address stay."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def issuer(self) -> str:
        """What stands in ``iss``."""
        return f"{self.url}/{self.directory_id}/v2.0"

    @property
    def jwks_uri(self) -> str:
        return f"{self.url}/discovery/keys"

    @property
    def directory_id(self) -> str:
        return self._known.directory_id

    @property
    def managed_identity(self) -> str:
        """Object id of the identity that the managed identity endpoint speaks for."""
        return self._known.managed_identity

    @property
    def identity_header(self) -> str:
        return self._known.identity_header

    def settings(self) -> dict[str, str]:
        """Return the settings with which the product accepts this issuer's tokens."""
        return {
            "OPS_OIDC_ISSUERS": f"{self.url}/{{tid}}/v2.0",
            "OPS_OIDC_DIRECTORY_IDS": self.directory_id,
            "OPS_OIDC_JWKS_URI": self.jwks_uri,
            "OPS_OIDC_OBJECT_CLAIM": "oid",
            "OPS_OIDC_DIRECTORY_CLAIM": "tid",
        }

    def identity_settings(self) -> dict[str, str]:
        """Return what App Service sets so that `ManagedIdentityCredential` finds its endpoint."""
        return {
            "IDENTITY_ENDPOINT": f"{self.url}/msi/token",
            "IDENTITY_HEADER": self.identity_header,
        }

    def mint(
        self,
        object_id: str,
        audience: str,
        *,
        human: bool = False,
        lifetime: int = 3600,
        **overrides: object,
    ) -> str:
        """Return a token of Entra's v2 shape for anyone; an override of None drops a claim."""
        now = int(self._clock.now().timestamp())
        kind = {"scp": "access_as_user"} if human else {"idtyp": "app"}
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": self.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "tid": self.directory_id,
            "oid": object_id,
            "sub": object_id,
            "azp": object_id,
            "uti": uuid.uuid4().hex,
            "ver": "2.0",
        }
        claims |= kind | overrides
        kept = {name: value for name, value in claims.items() if value is not None}
        kid = self._known.kids[-1]
        return jwt.encode(kept, self._keys[kid], algorithm="RS256", headers={"kid": kid})

    def rotate(self, *, keep_old: bool = True) -> str:
        """Sign with a new key from now on and return its id.

        The old keys stay published, as at Entra, unless they are to be withdrawn at once. A
        server in another process learns of it when it starts again.
        """
        known = self._folder.add_key(keep_old=keep_old)
        self._keys |= {kid: self._folder.key(kid) for kid in known.kids if kid not in self._keys}
        self._known = known
        return known.kids[-1]

    def key_set(self) -> dict[str, Any]:
        """Return the published keys, in Entra's spelling."""
        return {
            "keys": [
                {
                    "kty": "RSA",
                    "use": "sig",
                    "kid": kid,
                    **_public_numbers(self._keys[kid]),
                    "issuer": f"{self.url}/{{tenantid}}/v2.0",
                }
                for kid in self._known.kids
            ]
        }

    def discovery(self) -> dict[str, Any]:
        """Return the discovery document of OpenID Connect, as far as it is true here."""
        return {
            "issuer": self.issuer,
            "jwks_uri": self.jwks_uri,
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def managed_identity_token(self, resource: str, object_id: str | None) -> dict[str, str]:
        """Return what App Service answers. Raises `ValueError` when the id is no UUID."""
        caller = str(uuid.UUID(object_id)) if object_id else self.managed_identity
        token = self.mint(caller, resource, lifetime=_MANAGED_IDENTITY_SECONDS)
        expires = int(self._clock.now().timestamp()) + _MANAGED_IDENTITY_SECONDS
        return {
            "access_token": token,
            "client_id": caller,
            "expires_on": str(expires),
            "resource": resource,
            "token_type": _SCHEME,
        }


def _public_numbers(key: RSAPrivateKey) -> dict[str, str]:
    published = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: published[name] for name in ("n", "e")}
