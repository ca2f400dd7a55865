"""Why a credential was refused: one code per check, so a refusal can be told apart in evidence.

The messages are fixed texts. Nothing of a token, a claim or an id is ever in one, and none of
them carries the error of a library.
"""

from __future__ import annotations

from shared.kernel.errors import Denied, OpsError, Unauthenticated, Unavailable


class Refusal(OpsError):
    """Every refused credential: what the edge counts as a denial, with its code."""

    code = "identity.refused"
    title = "The credential is refused"

    caller: str | None = None
    """The caller's object id, verified, or None: a credential that fails names nobody."""


class CredentialMissing(Refusal, Unauthenticated):
    """The request carries no bearer credential."""

    code = "identity.credential_missing"
    title = "A bearer credential is required"


class TokenMalformed(Refusal, Unauthenticated):
    """Not a signed JWT of a form that is accepted here."""

    code = "identity.token_malformed"
    title = "The credential is not a token of the accepted form"


class AlgorithmRefused(Refusal, Unauthenticated):
    """Signed with something other than RS256, or not at all."""

    code = "identity.algorithm_refused"
    title = "The token is not signed with RS256"


class KeyUnknown(Refusal, Unauthenticated):
    """The token names no key that the issuer publishes."""

    code = "identity.key_unknown"
    title = "The token names no signing key of the issuer"


class SignatureInvalid(Refusal, Unauthenticated):
    """The signature does not belong to this content and this key."""

    code = "identity.signature_invalid"
    title = "The token's signature does not verify"


class ClaimsMissing(Refusal, Unauthenticated):
    """A claim that is needed is absent or of the wrong type."""

    code = "identity.claims_missing"
    title = "The token lacks a claim that is needed, or has it in the wrong form"


class IssuerInvalid(Refusal, Unauthenticated):
    """Issued by someone else, or for a directory that is not accepted."""

    code = "identity.issuer_invalid"
    title = "The token's issuer or directory is not accepted"


class AudienceInvalid(Refusal, Unauthenticated):
    """Issued for another application."""

    code = "identity.audience_invalid"
    title = "The token is meant for another audience"


class TokenExpired(Refusal, Unauthenticated):
    """Too old."""

    code = "identity.token_expired"
    title = "The token has expired"


class TokenNotYetValid(Refusal, Unauthenticated):
    """Issued, or valid, in the future."""

    code = "identity.token_not_yet_valid"
    title = "The token is not valid yet"


class LifetimeRefused(Refusal, Unauthenticated):
    """Valid for longer than any token of an honest issuer, or for no time at all."""

    code = "identity.token_lifetime_refused"
    title = "The token's lifetime is not acceptable"


class StaticKeyInvalid(Refusal, Unauthenticated):
    """Not one of the static keys of local_parity."""

    code = "identity.static_key_invalid"
    title = "The static key is not accepted"


class CallerForbidden(Refusal, Denied):
    """Verified, but not on the list of those who may call here."""

    code = "identity.caller_forbidden"
    title = "The caller is not on the list for this audience"

    def __init__(self, caller: str) -> None:
        """Keep the verified object id for the fact; it is not part of the message."""
        super().__init__()
        self.caller = caller


class KeysUnavailable(Unavailable):
    """The issuer's keys cannot be had: no token can be judged, so none is refused either."""

    code = "identity.keys_unavailable"
    title = "Credentials cannot be checked at the moment"
