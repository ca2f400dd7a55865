"""What each route answers: views when it goes well, and every error it can meet.

The reference pages and the OpenAPI document are made from this table. Tests hold it to the truth:
every route has an entry, every error class that the product has is named by a route or by
`ELSEWHERE`, and what the routes really answer validates against the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from functions._edge import Route
from functions._problems import Unexpected
from shared.governance.facts import FactUnfit
from shared.health.wire import AliveView, ReadinessView
from shared.identity import errors as identity
from shared.identity.authority import PermissionMissing
from shared.identity.verification import Audience
from shared.ingest import errors as ingest
from shared.ingest.schema import ReceiptView
from shared.ingest.wire import AnswerView
from shared.kernel import errors as kernel
from shared.kernel.db import DatabaseUnavailable, NotMigrated, OutcomeUnknown
from shared.kernel.ports import KeyMissing
from shared.pii import errors as pii
from shared.policy.service import NothingActive
from shared.policy.wire import ActiveView

type ErrorClass = type[kernel.OpsError]


@dataclass(frozen=True, slots=True)
class View:
    """A body that says how it went."""

    meaning: str
    model: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that one route may answer, besides what the edge adds to every route."""

    views: Mapping[int, View]
    raises: tuple[ErrorClass, ...] = ()
    takes: tuple[str, ...] = field(default=())
    """Header parameters besides the tenant: their names in components/parameters."""


_DATABASE = (DatabaseUnavailable, NotMigrated, OutcomeUnknown)
_REPLAY = ("Preference-Applied", "Idempotency-Replayed")

ANSWERS: dict[str, Answers] = {
    "ingest_submit": Answers(
        {
            201: View("At least one record was admitted.", AnswerView, _REPLAY),
            200: View("Every record was admitted before; nothing changed.", AnswerView, _REPLAY),
        },
        (
            ingest.ContractUnknown,
            ingest.TenantMissing,
            ingest.TenantUnknown,
            ingest.TenantSuspended,
            ingest.ProducerNotGranted,
            ingest.PolicyRevMissing,
            ingest.PolicyRevDiffers,
            ingest.PolicyNotActive,
            kernel.EnvironmentDiffers,
            ingest.IdempotencyKeyUnfit,
            ingest.InFlight,
            ingest.KeyReused,
            ingest.HandlingUnsupported,
            ingest.BodyUnreadable,
            ingest.BodyEmpty,
            ingest.TooManyRecords,
            ingest.BatchTooHeavy,
            ingest.RecordsRefused,
            ingest.PayloadDiffers,
            kernel.Unsupported,
            KeyMissing,
            pii.KeysUnavailable,
            pii.SealBroken,
            FactUnfit,
            *_DATABASE,
        ),
        ("PolicyRev", "IdempotencyKey", "Prefer"),
    ),
    "ingest_receipt": Answers(
        {200: View("The receipt as the ledger holds it.", ReceiptView)},
        (ingest.ReceiptMissing, ingest.ReceiptDoubled, ingest.TenantUnknown, *_DATABASE),
    ),
    "policy_active": Answers(
        {200: View("The revision in force.", ActiveView)}, (NothingActive, *_DATABASE)
    ),
    "health_live": Answers({200: View("The process answers.", AliveView)}),
    "health_ready": Answers(
        {
            200: View("Requests can be served.", ReadinessView),
            503: View("Something that requests need is missing.", ReadinessView),
        },
    ),
    "openapi": Answers({200: View("This document.")}),
}

ELSEWHERE: dict[ErrorClass, str] = {
    ingest.ContractBroken: "found by tests before a release exists",
}
"""Errors of rooms that no route answers although their room has routes, and why."""

_CREDENTIALS = (
    identity.CredentialMissing,
    identity.TokenMalformed,
    identity.AlgorithmRefused,
    identity.KeyUnknown,
    identity.SignatureInvalid,
    identity.ClaimsMissing,
    identity.IssuerInvalid,
    identity.AudienceInvalid,
    identity.TokenExpired,
    identity.TokenNotYetValid,
    identity.LifetimeRefused,
    identity.StaticKeyInvalid,
    identity.CallerForbidden,
    identity.KeysUnavailable,
    PermissionMissing,
)
# A defect, or settings that are not usable: no route is safe from either.
_EDGE = (Unexpected, kernel.Unavailable)
_MEASURES = (kernel.Unmeasured, kernel.Oversized)


def errors_of(route: Route, methods: tuple[str, ...]) -> list[ErrorClass]:
    """Return every error that a route may answer, by code: its own, and those of the edge."""
    return sorted(set(_errors(route, methods)), key=lambda error: error.code)


def _errors(route: Route, methods: tuple[str, ...]) -> Iterator[ErrorClass]:
    yield from _EDGE
    yield from ANSWERS[route.function].raises
    if "POST" in methods:
        yield from _MEASURES
    if route.audience is not None:
        yield from _CREDENTIALS
    if route.audience is Audience.OPERATORS:
        yield from (kernel.EnvironmentDiffers, *_DATABASE)
