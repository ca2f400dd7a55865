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
from shared.approvals import errors as approvals
from shared.approvals.wire import (
    ApprovalDetailView,
    ApprovalsView,
    ApproveCommand,
    DenyCommand,
    WithdrawCommand,
)
from shared.governance.facts import FactUnfit
from shared.health.wire import AliveView, ReadinessView, SignalsView
from shared.identity import errors as identity
from shared.identity.authority import PermissionMissing
from shared.identity.verification import Audience
from shared.ingest import errors as ingest
from shared.ingest.schema import ReceiptView
from shared.ingest.views import AnswerView
from shared.ingest.wire_lookups import ReceiptsView, SearchCommand
from shared.ingest.wire_quarantine import HeldView, QuarantineView, SettleCommand, SettledView
from shared.ingest.wire_runs import CloseCommand, RunDetailView, RunsView
from shared.kernel import errors as kernel
from shared.kernel.commands import CommandUnfit, CommandUnreadable
from shared.kernel.db import AlreadyThere, DatabaseUnavailable, NotMigrated, OutcomeUnknown
from shared.kernel.ports import KeyMissing
from shared.pii import errors as pii
from shared.policy.service import ApprovalNeeded, NothingActive
from shared.policy.wire import (
    ActivateCommand,
    ActivationView,
    ActiveView,
    ProposalView,
    ProposeCommand,
)

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
    """Parameters besides the tenant: their names in components/parameters."""
    accepts: type[BaseModel] | None = None
    """The command that the body holds."""


_DATABASE = (DatabaseUnavailable, NotMigrated, OutcomeUnknown)
_REPLAY = ("Preference-Applied", "Idempotency-Replayed")
_COMMAND = (CommandUnreadable, CommandUnfit, kernel.Unsupported)
_INSIDE = (ingest.TenantMissing, ingest.TenantUnknown)
_OPEN_BOUNDARY = (
    ingest.TenantSuspended,
    ingest.PolicyRevMissing,
    ingest.PolicyRevDiffers,
)
# Whatever the gate finds wrong with a held record is told as of one that was just sent.
_RELEASE = (
    ingest.QuarantineMissing,
    ingest.QuarantineSettled,
    ingest.ContractUnknown,
    ingest.PolicyNotActive,
    ingest.RunUnknown,
    ingest.RunClosed,
    ingest.RunOutOfStep,
    ingest.BodyUnreadable,
    ingest.BatchTooHeavy,
    ingest.RecordsRefused,
    ingest.PayloadDiffers,
    KeyMissing,
    pii.KeysUnavailable,
    pii.SealBroken,
    FactUnfit,
    AlreadyThere,
)
_DECISION = (
    approvals.ApprovalUnknown,
    approvals.NotOpen,
    approvals.Expired,
    approvals.ReasonUnfit,
    FactUnfit,
    *_COMMAND,
)
_SECOND = (
    approvals.HumanNeeded,
    approvals.SecondPersonNeeded,
    approvals.AlreadyDecided,
    approvals.KindUnknown,
)
_DECIDED = "The approval as the decision left it; the same decision again changes nothing."

ANSWERS: dict[str, Answers] = {
    "ingest_submit": Answers(
        {
            201: View("At least one record was admitted.", AnswerView, _REPLAY),
            200: View(
                "None was admitted: each was admitted before, or is in quarantine.",
                AnswerView,
                _REPLAY,
            ),
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
            ingest.RunUnknown,
            ingest.RunClosed,
            ingest.RunOutOfStep,
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
            AlreadyThere,
            *_DATABASE,
        ),
        ("PolicyRev", "IdempotencyKey", "Prefer", "Run"),
    ),
    "ingest_receipt": Answers(
        {200: View("The receipt as the ledger holds it.", ReceiptView)},
        (ingest.ReceiptMissing, ingest.ReceiptDoubled, ingest.TenantUnknown, *_DATABASE),
    ),
    "receipts_search": Answers(
        {200: View("The receipts that were found.", ReceiptsView)},
        (
            *_COMMAND,
            ingest.ContractUnknown,
            ingest.EventIdUnfit,
            ingest.ReceiptMissing,
            ingest.ReceiptDoubled,
            ingest.TenantUnknown,
            *_DATABASE,
        ),
        accepts=SearchCommand,
    ),
    "quarantine_list": Answers(
        {200: View("Records in one state.", QuarantineView)},
        (CommandUnfit, *_INSIDE),
        ("QuarantineState", "QuarantineContract", "QuarantineLimit"),
    ),
    "quarantine_show": Answers(
        {200: View("The record.", HeldView)},
        (ingest.TenantMissing, ingest.QuarantineMissing),
    ),
    "quarantine_release": Answers(
        {200: View("The record was released, now or before.", SettledView)},
        (*_COMMAND, *_INSIDE, *_OPEN_BOUNDARY, *_RELEASE),
        ("PolicyRev",),
        accepts=SettleCommand,
    ),
    "quarantine_discard": Answers(
        {200: View("The record was discarded, now or before.", SettledView)},
        (
            *_COMMAND,
            *_INSIDE,
            ingest.TenantSuspended,
            ingest.QuarantineMissing,
            ingest.QuarantineSettled,
        ),
        accepts=SettleCommand,
    ),
    "run_list": Answers({200: View("The newest runs.", RunsView)}, _INSIDE),
    "run_open": Answers(
        {
            201: View("The run was opened.", RunDetailView),
            200: View("The run was opened under this key before.", RunDetailView),
        },
        (*_COMMAND, *_INSIDE, *_OPEN_BOUNDARY, ingest.RunKeyMissing, AlreadyThere),
        ("PolicyRev", "RunKey"),
    ),
    "run_show": Answers(
        {200: View("The run with its segments.", RunDetailView)},
        (ingest.TenantMissing, ingest.RunUnknown),
    ),
    "run_close": Answers(
        {200: View("The run is closed, now or before.", RunDetailView)},
        (
            *_COMMAND,
            *_INSIDE,
            ingest.TenantSuspended,
            ingest.RunUnknown,
            ingest.RunClosed,
            ingest.RunStands,
        ),
        accepts=CloseCommand,
    ),
    "policy_active": Answers(
        {200: View("The revision in force.", ActiveView)}, (NothingActive, *_DATABASE)
    ),
    "approvals_list": Answers(
        {200: View("The newest approvals, open ones first.", ApprovalsView)},
        (CommandUnfit,),
        ("ApprovalState",),
    ),
    "approvals_show": Answers(
        {200: View("The approval and its plan.", ApprovalDetailView)},
        (approvals.ApprovalUnknown,),
    ),
    "approvals_approve": Answers(
        {200: View(_DECIDED, ApprovalDetailView)},
        (*_DECISION, *_SECOND, approvals.PlanDiffers),
        accepts=ApproveCommand,
    ),
    "approvals_deny": Answers(
        {200: View(_DECIDED, ApprovalDetailView)}, (*_DECISION, *_SECOND), accepts=DenyCommand
    ),
    "approvals_withdraw": Answers(
        {200: View(_DECIDED, ApprovalDetailView)},
        (*_DECISION, approvals.NotTheirs),
        accepts=WithdrawCommand,
    ),
    "policy_propose": Answers(
        {
            201: View("A second person is asked now.", ProposalView),
            200: View("The same is asked already, or nothing would change.", ProposalView),
        },
        (
            approvals.HumanNeeded,
            approvals.ReasonUnfit,
            approvals.PlanUnfit,
            FactUnfit,
            *_COMMAND,
        ),
        accepts=ProposeCommand,
    ),
    "policy_activate": Answers(
        {200: View("The revision of this release is in force.", ActivationView)},
        (
            ApprovalNeeded,
            approvals.ApprovalUnknown,
            approvals.NotApproved,
            approvals.NotOpen,
            approvals.Expired,
            approvals.PlanStale,
            approvals.ApproverGone,
            approvals.PlanUnfit,
            FactUnfit,
            *_COMMAND,
        ),
        accepts=ActivateCommand,
    ),
    "health_live": Answers({200: View("The process answers.", AliveView)}),
    "health_ready": Answers(
        {
            200: View("Requests can be served.", ReadinessView),
            503: View("Something that requests need is missing.", ReadinessView),
        },
    ),
    "health_signals": Answers({200: View("Every signal and its level.", SignalsView)}),
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
