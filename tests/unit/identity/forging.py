"""A pen that writes tokens, also such as no honest issuer would, and a verifier to read them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt
from jwt.algorithms import RSAAlgorithm

from shared.adapters.jwks_memory import MemoryJwks
from shared.identity.keysets import KeySets
from shared.identity.tokens import TokenVerifier
from shared.kernel.clock import SteppingClock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DIRECTORY = "0a1b2c3d-0000-4000-8000-00000000d1a0"
OTHER_DIRECTORY = "0a1b2c3d-0000-4000-8000-00000000d1a1"
CALLER = "6f1c1a52-6c0e-4d0c-9d6c-0b8f4a3a2f11"
STRANGER = "6f1c1a52-6c0e-4d0c-9d6c-0b8f4a3a2f12"
AUDIENCE = "api://opsplane-ingest"
V2 = f"https://login.microsoftonline.com/{DIRECTORY}/v2.0"
V1 = f"https://sts.windows.net/{DIRECTORY}/"
ISSUERS = ("https://login.microsoftonline.com/{tid}/v2.0", "https://sts.windows.net/{tid}/")


def encoded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(kid: str, key: rsa.RSAPrivateKey, **overrides: Any) -> dict[str, Any]:
    """Return a key as Entra publishes it; an override of None drops a member."""
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    entry = {"kty": "RSA", "use": "sig", "kid": kid, "n": public["n"], "e": public["e"]}
    return {name: value for name, value in (entry | overrides).items() if value is not None}


def document(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()


@dataclass
class Pen:
    """Writes tokens."""

    key: rsa.RSAPrivateKey
    now: int = int(NOW.timestamp())

    def claims(self, **overrides: Any) -> dict[str, Any]:
        claims = {
            "iss": V2,
            "aud": AUDIENCE,
            "tid": DIRECTORY,
            "oid": CALLER,
            "sub": CALLER,
            "iat": self.now,
            "nbf": self.now,
            "exp": self.now + 3600,
            "idtyp": "app",
            "ver": "2.0",
        }
        merged = claims | overrides
        return {name: value for name, value in merged.items() if value is not ...}

    def token(
        self,
        headers: dict[str, Any] | None = None,
        *,
        key: rsa.RSAPrivateKey | None = None,
        payload: bytes | None = None,
        **overrides: Any,
    ) -> str:
        """Sign with RS256 whatever the header says; an override of ``...`` drops a member."""
        header = {"typ": "JWT", "alg": "RS256", "kid": "first"} | (headers or {})
        header = {name: value for name, value in header.items() if value is not ...}
        content = payload if payload is not None else json.dumps(self.claims(**overrides)).encode()
        signed = f"{encoded(header)}.{encoded(content)}"
        signature = jwt.get_algorithm_by_name("RS256").sign(signed.encode(), key or self.key)
        return f"{signed}.{encoded(signature)}"


@dataclass
class World:
    """A verifier with everything around it in reach."""

    pen: Pen
    other_key: rsa.RSAPrivateKey
    jwks: MemoryJwks = field(default_factory=lambda: MemoryJwks(None))
    clock: SteppingClock = field(default_factory=lambda: SteppingClock(NOW))
    directories: frozenset[str] = frozenset({DIRECTORY})

    def __post_init__(self) -> None:
        self.publish(jwk("first", self.pen.key), jwk("second", self.other_key))
        self.keysets = KeySets(self.jwks, self.clock)
        self.verifier = self.verifier_with()

    def publish(self, *entries: dict[str, Any]) -> None:
        self.jwks.document = document(*entries)

    def verifier_with(self, **overrides: Any) -> TokenVerifier:
        settings: dict[str, Any] = {
            "issuers": ISSUERS,
            "directories": self.directories,
            "object_claim": "oid",
            "directory_claim": "tid",
            "keysets": self.keysets,
            "clock": self.clock,
        }
        return TokenVerifier(**(settings | overrides))

    def verify(self, token: str, allowed: frozenset[str] = frozenset({CALLER})) -> Any:
        return self.verifier.verify(token, audience=AUDIENCE, allowed=allowed)
