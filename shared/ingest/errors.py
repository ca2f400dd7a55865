"""What the gate refuses, each reason with a code of its own."""

from __future__ import annotations

from shared.kernel.errors import (
    Conflict,
    Denied,
    Held,
    Invalid,
    Malformed,
    Missing,
    OpsError,
    Oversized,
    Unavailable,
)


class ContractBroken(OpsError):
    """A contract file breaks the rules for contracts; found when the release is built."""

    code = "ingest.contract_broken"
    title = "A contract file is not valid"


class ContractUnknown(Missing):
    """No contract of that name."""

    code = "ingest.contract_unknown"
    title = "There is no contract of that name"


class TenantUnknown(Missing):
    """No such tenant, or not for this producer: the two look the same from outside."""

    code = "ingest.tenant_unknown"
    probing = True
    """Asking for tenants that are not one's own is counted like a refused credential."""
    title = "There is no such tenant for this caller"


class TenantMissing(Invalid):
    """The request names no tenant."""

    code = "ingest.tenant_missing"
    title = "The Ops-Tenant header is missing or is not a tenant id"


class TenantSuspended(Held):
    """The tenant is read-only."""

    code = "ingest.tenant_suspended"
    title = "The tenant is suspended: it can be read, not written"


class ProducerNotGranted(Denied):
    """The producer works for the tenant, but may not post this contract."""

    code = "ingest.producer_not_granted"
    title = "The producer has no grant for this contract"


class PolicyRevMissing(Invalid):
    """The request does not say which policy it expects (002-R15)."""

    code = "ingest.policy_rev_missing"
    title = "The Ops-Policy-Rev header is missing; GET /v1/policy tells the active one"


class PolicyRevDiffers(Conflict):
    """The request expects another policy than the active one (002-R15)."""

    code = "ingest.policy_rev_differs"
    title = "Another policy revision is active; GET /v1/policy tells which"


class PolicyNotActive(Unavailable):
    """This release carries contracts that nobody has activated (002-R14)."""

    code = "ingest.policy_not_active"
    title = "The contracts of this release are not activated; see: opsplane policy propose"


class RunUnknown(Missing):
    """No platform run of that id in this tenant."""

    code = "ingest.run_unknown"
    title = "There is no such platform run in this tenant"


class RunClosed(Conflict):
    """The platform run takes nothing any more."""

    code = "ingest.run_closed"
    title = "The platform run is closed; nothing is admitted into it"


class RunOutOfStep(Unavailable):
    """The last segment of the run is of another policy: an activation is half done."""

    code = "ingest.run_out_of_step"
    title = "The platform run has no segment of the active policy; activate the policy again"


class RunStands(Conflict):
    """The standing run is always there."""

    code = "ingest.run_stands"
    title = "The standing run of a tenant is never closed"


class RunKeyMissing(Invalid):
    """Opening a run needs a key, so that a repeat opens no second one."""

    code = "ingest.run_key_missing"
    title = "Opening a run needs an Idempotency-Key of 1 to 128 printable ASCII characters"


class QuarantineMissing(Missing):
    """No such record in this tenant's quarantine."""

    code = "ingest.quarantine_missing"
    title = "There is no such record in quarantine"


class QuarantineSettled(Conflict):
    """The held record was released, discarded or expired before."""

    code = "ingest.quarantine_settled"
    title = "The record is settled already; show it to see how"


class IdempotencyKeyUnfit(Invalid):
    """The key is empty, too long or not printable ASCII."""

    code = "ingest.idempotency_key_unfit"
    title = "Idempotency-Key needs 1 to 128 printable ASCII characters"


class InFlight(Conflict):
    """The same key is being answered right now."""

    code = "ingest.in_flight"
    title = "A request with this Idempotency-Key is in progress; try again in a moment"


class KeyReused(Invalid):
    """The key was used for another body."""

    code = "ingest.idempotency_key_reused"
    title = "This Idempotency-Key was used with another body"


class HandlingUnsupported(Invalid):
    """A handling preference that this gate does not know."""

    code = "ingest.handling_unsupported"
    title = "This gate knows Prefer: handling=strict and handling=lenient"


class BodyUnreadable(Malformed):
    """The body is not JSON or NDJSON in UTF-8, or holds what JSON leaves open."""

    code = "ingest.body_unreadable"
    title = "The body cannot be read as JSON"


class BodyEmpty(Malformed):
    """There is no record in the body."""

    code = "ingest.body_empty"
    title = "The body holds no record"


class TooManyRecords(Malformed):
    """More records than one request may hold."""

    code = "ingest.too_many_records"
    title = "The body holds more records than one request may"


class BatchTooHeavy(Oversized):
    """The records take longer to check than a request may; fewer of them will pass."""

    code = "ingest.batch_too_heavy"
    title = "The records take too long to check in one request; send fewer at a time"


class RecordsRefused(Invalid):
    """At least one record breaks the contract; nothing was stored (000-R15)."""

    code = "ingest.records_refused"
    title = "Records break the contract; nothing was stored"


class PayloadDiffers(Conflict):
    """An event id was admitted before with another payload; nothing was stored."""

    code = "ingest.payload_differs"
    title = "An event was admitted before with another payload; nothing was stored"


class EventIdUnfit(Invalid):
    """No record of the contract can have such an event id."""

    code = "ingest.event_id_unfit"
    title = "The event id does not fit the contract"


class ReceiptDoubled(OpsError):
    """The ledger holds two rows of one receipt: somebody wrote to it past the gate."""

    code = "ingest.receipt_doubled"
    title = "The ledger holds this receipt more than once; open an incident"


class ReceiptMissing(Missing):
    """No such receipt in this tenant."""

    code = "ingest.receipt_missing"
    title = "There is no such receipt for this caller"
