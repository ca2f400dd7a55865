"""The one token verifier: who is calling, proven by a signed token or not at all.

::

    token = bearer(request.headers.get("Authorization"))
    actor = verifier.verify(token, audience=settings.ingest_audience, allowed=callers)

Entra is the default. Any OpenID provider serves that signs with RS256 and names callers by UUID:
issuers, directories and claim names are settings. A provider without directories sets the
directory claim to ``iss`` and lists its issuer as the one directory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from shared.identity.errors import (
    AlgorithmRefused,
    AudienceInvalid,
    CallerForbidden,
    ClaimsMissing,
    CredentialMissing,
    IssuerInvalid,
    KeyUnknown,
    LifetimeRefused,
    SignatureInvalid,
    TokenExpired,
    TokenMalformed,
    TokenNotYetValid,
)
from shared.identity.keysets import KeySets, SigningKey
from shared.kernel.call import Actor, AuthMode, SourceType
from shared.kernel.clock import Clock

MAX_TOKEN_CHARS = 16_384
"""Twice what Entra issues to a member of 200 groups; hosts stop headers at 32 KiB."""
SKEW_SECONDS = 60
"""How far the issuer's clock and ours may differ (design 3)."""
MAX_LIFETIME_SECONDS = 30 * 3600
"""Entra's longest tokens live 28 hours (continuous access evaluation)."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
# Headers that bring a key along, point to one, or change what the signature means.
_FORBIDDEN_HEADERS = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip"})
# Every claim is checked below, against the clock that was given to us.
_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "enforce_minimum_key_length": True,
    **dict.fromkeys(
        [f"verify_{name}" for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")], False
    ),
}


def bearer(authorization: str | None) -> str:
    """Return the credential of an ``Authorization`` header. Raises `CredentialMissing`.

    The credential is not looked at: that is for the verifier.
    """
    scheme, _, credential = (authorization or "").strip(" ").partition(" ")
    credential = credential.strip(" ")
    if scheme.lower() != "bearer" or not credential:
        raise CredentialMissing
    return credential


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVerifier:
    """Turns a token into an `Actor`, or refuses it with the code of the check that failed.

    ``issuers`` are templates in which ``{tid}`` stands for the token's directory; ``directories``
    are accepted ones, in lower case. Both refuse everyone when empty.
    """

    issuers: Sequence[str]
    directories: frozenset[str]
    object_claim: str
    directory_claim: str
    keysets: KeySets
    clock: Clock

    def verify(self, token: str, *, audience: str, allowed: frozenset[str]) -> Actor:
        """Return the caller whom the token proves, without permissions.

        Checks, in this order; nothing is believed before the signature holds:

        0. Shape: three base64url parts, of bounded size, with a JSON header.
        1. The algorithm is RS256, whatever the header wishes; ``typ``, if any, is a JWT's.
        2. ``kid`` names the key. No key comes with the token (``jwk``, ``x5c``), none is fetched
           from where it points (``jku``, ``x5u``), and nothing is ``crit``.
        3. The signature verifies with the issuer's key of that id: RSA, 2048 bits or more,
           published for signatures.
        4. ``iss`` is one of the templates, filled with the token's directory; the directory is
           accepted here; the key was published for it.
        5. ``aud`` is the audience, alone.
        6. ``exp``, ``nbf``, ``iat`` hold now, within 60 s of skew, and the lifetime is sane.
        7. The object id is there and is a UUID.
        8. An application (``idtyp`` app, or no ``scp``) is SYSTEM; a delegated token is HUMAN.
        9. The object id is on the list, compared without case.

        What the *caller* must still do: find what this actor may do, and for which tenant.

        Raises the `Unauthenticated` errors of checks 0 to 8, `CallerForbidden` for check 9, and
        `KeysUnavailable` when the issuer's keys cannot be had.
        """
        # (0) to (2) What can be said before the signature.
        kid = _key_id(token)

        # (3) From here on the content is the issuer's word.
        key = self.keysets.find(kid)
        claims = _signed_claims(token, key)

        # (4) to (6) Whose word, for whom, and when.
        self._check_issuer(claims, key)
        _check_audience(claims, audience)
        _check_times(claims, self.clock.now().timestamp())

        # (7) to (8) Who.
        subject, source_type = self._identify(claims)

        # (9) Known to us.
        if not any(subject == entry.lower() for entry in allowed):
            raise CallerForbidden(subject)
        return Actor(source_type, subject, AuthMode.TOKEN)

    def _check_issuer(self, claims: dict[str, Any], key: SigningKey) -> None:
        # (4) Which issuer, for which directory, with a key for it.
        issuer, directory = _text(claims, "iss"), _text(claims, self.directory_claim)
        if directory.lower() not in self.directories:
            raise IssuerInvalid
        if issuer not in [template.replace("{tid}", directory) for template in self.issuers]:
            raise IssuerInvalid
        if not key.signs_for(issuer, directory):
            raise IssuerInvalid

    def _identify(self, claims: dict[str, Any]) -> tuple[str, SourceType]:
        # (7) A name that lists and grants can hold.
        subject = _text(claims, self.object_claim).lower()
        if not _UUID.fullmatch(subject):
            raise ClaimsMissing

        # (8) A person, or a service.
        delegated = "scp" in claims and bool(_text(claims, "scp"))
        is_app = "idtyp" in claims and _text(claims, "idtyp") == "app"
        return subject, SourceType.HUMAN if delegated and not is_app else SourceType.SYSTEM


def _key_id(token: str) -> str:
    """Checks 0 to 2: return the id of the key that the token says it is signed with."""
    # (0) Shape, before any decoding.
    if not token:
        raise CredentialMissing
    if len(token) > MAX_TOKEN_CHARS or not _COMPACT.fullmatch(token):
        raise TokenMalformed
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise TokenMalformed from None

    # (1) The algorithm is ours to choose.
    if header.get("alg") != "RS256":
        raise AlgorithmRefused
    if "typ" in header and str(header["typ"]).lower() not in _TYPES:
        raise TokenMalformed

    # (2) The key is the issuer's to publish.
    if not _FORBIDDEN_HEADERS.isdisjoint(header):
        raise TokenMalformed
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise KeyUnknown
    return kid


def _signed_claims(token: str, key: SigningKey) -> dict[str, Any]:
    # (3) With exactly this key; the id in the token has served its purpose.
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key.public_key, algorithms=["RS256"], options=_SIGNATURE_ONLY
        )
    except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
        raise SignatureInvalid from None
    except jwt.PyJWTError:
        raise TokenMalformed from None
    return claims


def _check_audience(claims: dict[str, Any], audience: str) -> None:
    # (5) Meant for us, and for nobody else.
    if "aud" not in claims:
        raise ClaimsMissing
    if not audience or claims["aud"] not in (audience, [audience]):
        raise AudienceInvalid


def _check_times(claims: dict[str, Any], now: float) -> None:
    # (6) Now. `nbf` counts when it is there; OpenID providers may leave it out.
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    begins = _seconds(claims, "nbf") if "nbf" in claims else issued
    if not 0 < expires - issued <= MAX_LIFETIME_SECONDS:
        raise LifetimeRefused
    if now >= expires + SKEW_SECONDS:
        raise TokenExpired
    if now < max(begins, issued) - SKEW_SECONDS:
        raise TokenNotYetValid


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise ClaimsMissing
    return value


def _seconds(claims: dict[str, Any], name: str) -> int:
    # JSON's true is an int to Python, and NaN compares false with every bound.
    value = claims.get(name)
    if type(value) is not int:
        raise ClaimsMissing
    return value
