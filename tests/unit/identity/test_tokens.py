"""The numbered checks of the verifier: each fails alone, and says so with its own code."""

from __future__ import annotations

import hmac
import re
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.identity import errors, tokens
from shared.identity.tokens import MAX_TOKEN_CHARS, TokenVerifier, bearer
from shared.kernel.call import AuthMode, SourceType
from shared.kernel.errors import Denied, OpsError, Unauthenticated, Unavailable, catalogue
from tests.unit.identity.forging import (
    AUDIENCE,
    CALLER,
    DIRECTORY,
    OTHER_DIRECTORY,
    STRANGER,
    V1,
    V2,
    encoded,
    jwk,
)


def refused(world, token, *, allowed=frozenset({CALLER})):
    with pytest.raises(OpsError) as caught:
        world.verify(token, allowed)
    return caught.value.code


# --- what is accepted ---


def test_a_managed_identity_on_the_list_is_a_system_actor(world):
    """000-R11, 002-R8."""
    actor = world.verify(world.pen.token())
    assert (actor.source_type, actor.subject) == (SourceType.SYSTEM, CALLER)
    assert actor.auth_mode is AuthMode.TOKEN
    assert actor.actor_id == f"SYSTEM::{CALLER}"


def test_a_verified_caller_has_no_permissions_yet(world):
    assert world.verify(world.pen.token()).permissions == frozenset()


def test_issuers_of_the_v1_and_v2_form_are_both_accepted(world):
    """000-B: the issuer is the v1 or v2 form built from `tid`."""
    for issuer in (V1, V2):
        assert world.verify(world.pen.token(iss=issuer)).subject == CALLER


@pytest.mark.parametrize(
    ("claims", "source_type"),
    [
        ({"idtyp": "app"}, SourceType.SYSTEM),
        ({"idtyp": ...}, SourceType.SYSTEM),
        ({"idtyp": "app", "scp": "access_as_user"}, SourceType.SYSTEM),
        ({"idtyp": ..., "scp": ""}, SourceType.SYSTEM),
        ({"idtyp": ..., "scp": "access_as_user"}, SourceType.HUMAN),
        ({"idtyp": "user", "scp": "access_as_user"}, SourceType.HUMAN),
    ],
)
def test_only_a_delegated_token_makes_a_person(world, claims, source_type):
    """002-R6, check 8: what asks for a person must not be satisfied by a service."""
    assert world.verify(world.pen.token(**claims)).source_type is source_type


def test_the_list_is_compared_without_case_on_both_sides(world):
    """000-B: compared without case."""
    upper = frozenset({CALLER.upper()})
    assert world.verify(world.pen.token(), upper).subject == CALLER
    assert world.verify(world.pen.token(oid=CALLER.upper())).subject == CALLER


def test_the_audience_may_stand_in_a_list_of_one(world):
    assert world.verify(world.pen.token(aud=[AUDIENCE])).subject == CALLER


def test_a_token_without_nbf_is_judged_by_iat(world):
    assert world.verify(world.pen.token(nbf=...)).subject == CALLER
    assert refused(world, world.pen.token(nbf=..., iat=world.pen.now + 61)) == (
        "identity.token_not_yet_valid"
    )


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", ...])
def test_usual_types_are_accepted(world, typ):
    assert world.verify(world.pen.token({"typ": typ})).subject == CALLER


def test_headers_that_only_repeat_the_key_id_do_no_harm(world):
    assert world.verify(world.pen.token({"x5t": "first"})).subject == CALLER


def test_a_provider_without_directories_uses_its_issuer_as_one(world):
    """Design 3: any OpenID provider serves, by settings alone."""
    issuer = "https://idp.example/realms/Plant"
    verifier = world.verifier_with(
        issuers=(issuer,),
        directories=frozenset({issuer.lower()}),
        directory_claim="iss",
        object_claim="sub",
    )
    token = world.pen.token(iss=issuer, tid=..., oid=...)
    actor = verifier.verify(token, audience=AUDIENCE, allowed=frozenset({CALLER}))
    assert actor.subject == CALLER


# --- what is refused, check by check ---


def hs256_with_the_public_key(pen):
    pem = pen.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = pen.token({"alg": "HS256"}).rsplit(".", 1)[0]
    return f"{signed}.{encoded(hmac.digest(pem, signed.encode(), 'sha256'))}"


def unsigned(pen, algorithm):
    return pen.token({"alg": algorithm}).rsplit(".", 1)[0] + "."


ATTACKS = {
    # (0) shape
    "empty": ("identity.credential_missing", lambda _: ""),
    "one word": ("identity.token_malformed", lambda _: "secret"),
    "two parts": ("identity.token_malformed", lambda pen: pen.token().rsplit(".", 1)[0]),
    "four parts": ("identity.token_malformed", lambda pen: pen.token() + ".e30"),
    "encrypted form": ("identity.token_malformed", lambda _: "e30.e30.e30.e30.e30"),
    "padding": ("identity.token_malformed", lambda pen: pen.token() + "="),
    "line end": ("identity.token_malformed", lambda pen: pen.token() + "\n"),
    "non-ASCII": ("identity.token_malformed", lambda pen: pen.token() + "é"),
    "full-width digits": ("identity.token_malformed", lambda pen: pen.token() + "１"),  # noqa: RUF001
    "a lone surrogate": ("identity.token_malformed", lambda pen: pen.token() + "\ud800"),
    "huge": ("identity.token_malformed", lambda pen: pen.token(pad="x" * MAX_TOKEN_CHARS)),
    "header not base64": ("identity.token_malformed", lambda pen: "a." + pen.token()[5:]),
    "header not JSON": ("identity.token_malformed", lambda _: "bm90anNvbg.e30.AAAA"),
    "header a list": ("identity.token_malformed", lambda _: "W10.e30.AAAA"),
    "header nested deeply": (
        "identity.token_malformed",
        lambda _: encoded(b"[" * 9_000) + ".e30.AAAA",
    ),
    "payload not an object": ("identity.token_malformed", lambda pen: pen.token(payload=b"[]")),
    "payload not JSON": ("identity.token_malformed", lambda pen: pen.token(payload=b"{")),
    "payload not UTF-8": ("identity.token_malformed", lambda pen: pen.token(payload=b'"\xff"')),
    "endless digits": (
        "identity.token_malformed",
        lambda pen: pen.token(payload=b'{"exp": ' + b"9" * 5_000 + b"}"),
    ),
    # (1) algorithm and type
    "alg none": ("identity.algorithm_refused", lambda pen: unsigned(pen, "none")),
    "alg nOnE": ("identity.algorithm_refused", lambda pen: unsigned(pen, "nOnE")),
    "alg HS256 with the public key": ("identity.algorithm_refused", hs256_with_the_public_key),
    "alg RS512": ("identity.algorithm_refused", lambda pen: pen.token({"alg": "RS512"})),
    "alg PS256": ("identity.algorithm_refused", lambda pen: pen.token({"alg": "PS256"})),
    "alg in lower case": ("identity.algorithm_refused", lambda pen: pen.token({"alg": "rs256"})),
    "alg a list": ("identity.algorithm_refused", lambda pen: pen.token({"alg": ["RS256"]})),
    "alg absent": ("identity.algorithm_refused", lambda pen: pen.token({"alg": ...})),
    "typ of something else": (
        "identity.token_malformed",
        lambda pen: pen.token({"typ": "dpop+jwt"}),
    ),
    "typ a number": ("identity.token_malformed", lambda pen: pen.token({"typ": 1})),
    # (2) whose key
    "kid absent": ("identity.key_unknown", lambda pen: pen.token({"kid": ...})),
    "kid empty": ("identity.key_unknown", lambda pen: pen.token({"kid": ""})),
    "kid a number": ("identity.token_malformed", lambda pen: pen.token({"kid": 1})),
    "kid unknown": ("identity.key_unknown", lambda pen: pen.token({"kid": "third"})),
    "kid a path": ("identity.key_unknown", lambda pen: pen.token({"kid": "../../dev/null"})),
    "jku": ("identity.token_malformed", lambda pen: pen.token({"jku": "https://evil.example/"})),
    "x5u": ("identity.token_malformed", lambda pen: pen.token({"x5u": "https://evil.example/"})),
    "x5c": ("identity.token_malformed", lambda pen: pen.token({"x5c": ["MIIB"]})),
    "embedded jwk": ("identity.token_malformed", lambda pen: pen.token({"jwk": {"kty": "RSA"}})),
    "crit": ("identity.token_malformed", lambda pen: pen.token({"crit": ["exp"], "exp": 1})),
    "b64": (
        "identity.token_malformed",
        lambda pen: pen.token({"b64": True, "crit": ["b64"]}),
    ),
    # (3) signature
    "signed for another key id": (
        "identity.signature_invalid",
        lambda pen: pen.token({"kid": "second"}),
    ),
    "signature of zeros": (
        "identity.signature_invalid",
        lambda pen: pen.token().rsplit(".", 1)[0] + "." + "A" * 342,
    ),
    "signature absent": (
        "identity.signature_invalid",
        lambda pen: pen.token().rsplit(".", 1)[0] + ".",
    ),
    "signature of another token": (
        "identity.signature_invalid",
        lambda pen: pen.token().rsplit(".", 1)[0] + "." + pen.token(oid=STRANGER).rsplit(".", 1)[1],
    ),
    # (4) issuer and directory
    "issuer absent": ("identity.claims_missing", lambda pen: pen.token(iss=...)),
    "issuer a list": ("identity.claims_missing", lambda pen: pen.token(iss=[V2])),
    "issuer of a stranger": (
        "identity.issuer_invalid",
        lambda pen: pen.token(iss="https://evil.example/"),
    ),
    "issuer with a tail": ("identity.issuer_invalid", lambda pen: pen.token(iss=V2 + "/")),
    "issuer the template": (
        "identity.issuer_invalid",
        lambda pen: pen.token(iss="https://login.microsoftonline.com/{tid}/v2.0"),
    ),
    "issuer of another directory": (
        "identity.issuer_invalid",
        lambda pen: pen.token(iss=V2.replace(DIRECTORY, OTHER_DIRECTORY)),
    ),
    "directory absent": ("identity.claims_missing", lambda pen: pen.token(tid=...)),
    "directory of a stranger": (
        "identity.issuer_invalid",
        lambda pen: pen.token(tid=OTHER_DIRECTORY, iss=V2.replace(DIRECTORY, OTHER_DIRECTORY)),
    ),
    # (5) audience
    "audience absent": ("identity.claims_missing", lambda pen: pen.token(aud=...)),
    "audience of another": ("identity.audience_invalid", lambda pen: pen.token(aud="api://other")),
    "audience with a tail": (
        "identity.audience_invalid",
        lambda pen: pen.token(aud=AUDIENCE + "/"),
    ),
    "audience in upper case": (
        "identity.audience_invalid",
        lambda pen: pen.token(aud=AUDIENCE.upper()),
    ),
    "audience among others": (
        "identity.audience_invalid",
        lambda pen: pen.token(aud=[AUDIENCE, "api://other"]),
    ),
    "audience an empty list": ("identity.audience_invalid", lambda pen: pen.token(aud=[])),
    "audience true": ("identity.audience_invalid", lambda pen: pen.token(aud=True)),
    "audience null": ("identity.audience_invalid", lambda pen: pen.token(aud=None)),
    # (6) time
    "exp absent": ("identity.claims_missing", lambda pen: pen.token(exp=...)),
    "exp true": ("identity.claims_missing", lambda pen: pen.token(exp=True)),
    "exp a float": ("identity.claims_missing", lambda pen: pen.token(exp=pen.now + 3600.5)),
    "exp a text": ("identity.claims_missing", lambda pen: pen.token(exp=str(pen.now + 3600))),
    "exp NaN": ("identity.claims_missing", lambda pen: pen.token(exp=float("nan"))),
    "exp infinite": ("identity.claims_missing", lambda pen: pen.token(exp=float("inf"))),
    "iat absent": ("identity.claims_missing", lambda pen: pen.token(iat=...)),
    "nbf null": ("identity.claims_missing", lambda pen: pen.token(nbf=None)),
    "expired": (
        "identity.token_expired",
        lambda pen: pen.token(iat=pen.now - 3660, nbf=pen.now - 3660, exp=pen.now - 60),
    ),
    "not yet valid": ("identity.token_not_yet_valid", lambda pen: pen.token(nbf=pen.now + 61)),
    "issued in the future": (
        "identity.token_not_yet_valid",
        lambda pen: pen.token(iat=pen.now + 61),
    ),
    "valid for a year": (
        "identity.token_lifetime_refused",
        lambda pen: pen.token(exp=pen.now + 365 * 86_400),
    ),
    "valid for ever": ("identity.token_lifetime_refused", lambda pen: pen.token(exp=10**300)),
    "valid for no time": ("identity.token_lifetime_refused", lambda pen: pen.token(exp=pen.now)),
    # (7) object id
    "oid absent": ("identity.claims_missing", lambda pen: pen.token(oid=...)),
    "oid null": ("identity.claims_missing", lambda pen: pen.token(oid=None)),
    "oid a list": ("identity.claims_missing", lambda pen: pen.token(oid=[CALLER])),
    "oid no UUID": ("identity.claims_missing", lambda pen: pen.token(oid="root")),
    "oid with a line end": ("identity.claims_missing", lambda pen: pen.token(oid=CALLER + "\n")),
    # (8) person or service
    "scp true": ("identity.claims_missing", lambda pen: pen.token(scp=True)),
    "idtyp a list": ("identity.claims_missing", lambda pen: pen.token(idtyp=["app"])),
    # (9) the list
    "not on the list": ("identity.caller_forbidden", lambda pen: pen.token(oid=STRANGER)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_is_refused_with_the_code_of_its_check(world, attack):
    """000-R11, 002-R7: it fails closed, and evidence can tell why."""
    code, forge = ATTACKS[attack]
    assert refused(world, forge(world.pen)) == code


@pytest.mark.parametrize(
    ("seconds", "code"), [(3599 + 60, None), (3600 + 60, "identity.token_expired")]
)
def test_expiry_is_forgiven_for_less_than_a_minute(world, seconds, code):
    token = world.pen.token()
    world.clock.advance(seconds=seconds)
    assert (refused(world, token) if code else world.verify(token).subject) == (code or CALLER)


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize(("ahead", "code"), [(60, None), (61, "identity.token_not_yet_valid")])
def test_a_clock_ahead_is_forgiven_for_a_minute(world, claim, ahead, code):
    token = world.pen.token(**{claim: world.pen.now + ahead})
    assert (refused(world, token) if code else world.verify(token).subject) == (code or CALLER)


def test_an_empty_list_refuses_everyone(world):
    """002-R7: absent configuration fails closed."""
    assert refused(world, world.pen.token(), allowed=frozenset()) == "identity.caller_forbidden"


@pytest.mark.parametrize("empty", [{"issuers": ()}, {"directories": frozenset()}])
def test_without_issuers_or_directories_everyone_is_refused(world, empty):
    world.verifier = world.verifier_with(**empty)
    assert refused(world, world.pen.token()) == "identity.issuer_invalid"


def test_an_empty_audience_matches_nothing(world):
    with pytest.raises(errors.AudienceInvalid):
        world.verifier.verify(world.pen.token(aud=""), audience="", allowed=frozenset({CALLER}))


def test_a_key_published_for_another_directory_does_not_sign_for_ours(world, keys):
    """A tenant-independent key set names each key's issuer, and that counts."""
    world.publish(jwk("first", keys["first"], issuer=V2.replace(DIRECTORY, OTHER_DIRECTORY)))
    assert refused(world, world.pen.token()) == "identity.issuer_invalid"


@pytest.mark.parametrize("issuer", ["https://login.microsoftonline.com/{tenantid}/v2.0", V2, None])
@pytest.mark.parametrize("claimed", [V1, V2])
def test_a_key_published_for_our_directory_signs_both_forms(world, keys, issuer, claimed):
    world.publish(jwk("first", keys["first"], issuer=issuer))
    assert world.verify(world.pen.token(iss=claimed)).subject == CALLER


def test_a_weak_key_signs_for_nobody(world, keys):
    """Check 3: RSA of 2048 bits or more, whoever published it."""
    world.publish(jwk("first", keys["first"]), jwk("weak", keys["weak"]))
    token = world.pen.token({"kid": "weak"}, key=keys["weak"])
    assert refused(world, token) == "identity.key_unknown"


def test_a_key_for_encryption_signs_for_nobody(world, keys):
    world.publish(jwk("first", keys["first"], use="enc"), jwk("second", keys["second"]))
    assert refused(world, world.pen.token()) == "identity.key_unknown"


def test_while_the_issuer_is_away_nobody_is_refused_and_nobody_admitted(world):
    """Without keys the honest answer is 503: a client that tries again will be right."""
    world.jwks.document = None
    assert refused(world, world.pen.token()) == "identity.keys_unavailable"


def test_strangers_without_a_plausible_token_never_reach_the_issuer(world):
    for attack in ("huge", "alg none", "jku", "kid absent", "kid empty", "non-ASCII", "crit"):
        refused(world, ATTACKS[attack][1](world.pen))
    assert world.jwks.fetches == 0


# --- what an error says ---


def test_no_message_holds_anything_of_the_token(world):
    """000-R20: neither text nor repr nor chained cause shows a value that a caller sent."""
    for code, forge in ATTACKS.values():
        token = forge(world.pen)
        with pytest.raises(OpsError) as caught:
            world.verify(token)
        error = caught.value
        assert error.message == type(error).title, code
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None
        assert CALLER not in repr(error)
        assert STRANGER not in repr(error)


def test_only_a_verified_caller_is_named(world):
    """Denials are counted per caller; a credential that fails must not choose whom to blame."""
    for code, forge in ATTACKS.values():
        with pytest.raises(errors.Refusal) as caught:
            world.verify(forge(world.pen))
        assert caught.value.caller == (STRANGER if code == "identity.caller_forbidden" else None)


def test_the_shapes_give_401_403_and_503():
    shapes = {
        code: error
        for code, error in catalogue().items()
        if error.__module__ == "shared.identity.errors"
    }
    assert shapes.pop("identity.refused") is errors.Refusal
    assert issubclass(shapes.pop("identity.caller_forbidden"), Denied)
    assert issubclass(shapes.pop("identity.keys_unavailable"), Unavailable)
    assert all(issubclass(error, Unauthenticated) for error in shapes.values())


def test_every_code_of_a_refused_token_has_an_attack_here():
    of_tokens = {
        code for code, error in catalogue().items() if error.__module__ == "shared.identity.errors"
    }
    elsewhere = {
        "identity.refused",
        "identity.keys_unavailable",
        "identity.static_key_invalid",
    }
    assert {code for code, _ in ATTACKS.values()} == of_tokens - elsewhere


def test_the_numbered_list_and_the_labels_agree():
    """A check that is documented and not there, or there and not documented, is a lie."""
    source = Path(tokens.__file__).read_text(encoding="utf-8")
    listed = re.findall(r"^ *(\d)\. ", TokenVerifier.verify.__doc__, re.MULTILINE)
    labelled = re.findall(r"^ +# \((\d)\) ", source.partition("def _check_issuer")[2], re.MULTILINE)
    assert listed == [str(number) for number in range(10)]
    assert sorted([*labelled, "9"]) == listed


# --- mutations ---


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(min_value=0), character=st.characters(codec="ascii"))
def test_no_token_survives_the_change_of_one_character(world, place, character):
    token = world.pen.token()
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        assert refused(world, changed) in {
            "identity.token_malformed",
            "identity.algorithm_refused",
            "identity.key_unknown",
            "identity.signature_invalid",
        }


def test_no_bit_of_the_signature_is_spare(world):
    """The last base64 character has unused bits: another spelling of them is another token."""
    token = world.pen.token()
    # pragma: allowlist nextline secret
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = []
    for last in alphabet:
        try:
            world.verify(token[:-1] + last)
        except OpsError:
            continue
        accepted.append(last)
    assert accepted == [token[-1]]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    claim=st.sampled_from(["iss", "aud", "tid", "oid", "iat", "nbf", "exp", "scp", "idtyp"]),
    value=json_values,
)
def test_whatever_stands_in_a_claim_the_answer_is_an_actor_or_a_coded_refusal(world, claim, value):
    """An issuer may be odd; a KeyError or TypeError of ours would be a 500."""
    with suppress(errors.Refusal):
        world.verify(world.pen.token(**{claim: value}))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(["alg", "typ", "kid", "jku", "crit", "b64", "zip"]), value=json_values)
def test_whatever_stands_in_a_header_the_answer_is_an_actor_or_a_coded_refusal(world, name, value):
    with suppress(errors.Refusal):
        world.verify(world.pen.token({name: value}))


# --- the header that carries it ---


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc ", " Bearer abc"])
def test_the_credential_is_what_follows_the_scheme(header):
    assert bearer(header) == "abc"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"])
def test_without_a_bearer_credential_there_is_none(header):
    """000-B: a missing header is told apart from a bad token."""
    with pytest.raises(errors.CredentialMissing):
        bearer(header)
