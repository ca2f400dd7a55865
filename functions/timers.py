"""What happens by itself: lost writes are found, refusals become facts, messages leave."""

from __future__ import annotations

from functions._edge import blueprint, timer
from shared.bootstrap import services
from shared.kernel.call import Call

bp = blueprint()


@bp.function_name("receipts_reconcile")
@bp.timer_trigger(arg_name="tick", schedule="10 * * * * *")
@timer
def receipts_reconcile(call: Call) -> None:
    """Write receipt documents whose write was lost."""
    services().reconciler.backfill(call)


@bp.function_name("answers_forget")
@bp.timer_trigger(arg_name="tick", schedule="0 7 * * * *")
@timer
def answers_forget(call: Call) -> None:
    """Forget idempotent answers that are two days old."""
    services().reconciler.forget_answers(call)


@bp.function_name("ledger_seal")
@bp.timer_trigger(arg_name="tick", schedule="*/10 * * * * *")
@timer
def ledger_seal(call: Call) -> None:
    """Seal what was recorded and cannot change any more, and copy the seals."""
    services().sealer.seal(call)


@bp.function_name("quarantine_expire")
@bp.timer_trigger(arg_name="tick", schedule="40 */10 * * * *")
@timer
def quarantine_expire(call: Call) -> None:
    """Forget the copies of held records that nobody settled in time."""
    services().quarantine.expire(call)


@bp.function_name("ledger_months")
@bp.timer_trigger(arg_name="tick", schedule="0 20 3 * * *")
@timer
def ledger_months(call: Call) -> None:
    """Make the ledger partitions of the months to come."""
    services().months.prepare(call)


@bp.function_name("denials_settle")
@bp.timer_trigger(arg_name="tick", schedule="5 * * * * *")
@timer
def denials_settle(call: Call) -> None:
    """Turn the refusals of closed minutes into facts."""
    services().denials.settle(call)


@bp.function_name("approvals_expire")
@bp.timer_trigger(arg_name="tick", schedule="25 * * * * *")
@timer
def approvals_expire(call: Call) -> None:
    """Write down which approvals have run out of time."""
    services().approvals.expire(call)


@bp.function_name("outbox_sweep")
@bp.timer_trigger(arg_name="tick", schedule="*/10 * * * * *")
@timer
def outbox_sweep(call: Call) -> None:
    """Send queue messages that committed and have not left."""
    services().outbox.sweep(call)
