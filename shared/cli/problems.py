"""Errors as people and programs read them: text or a problem document, and an exit code.

The exit codes are part of the interface: they are printed by ``opsplane --help`` and never
change their meaning.
"""

from __future__ import annotations

import json
import traceback

from shared.cli.commands import UsageError
from shared.kernel import errors

OK, FAILED, USAGE, INVALID, REFUSED, MISSING, CONFLICT, UNAVAILABLE, INTERRUPTED = (
    *range(8),
    130,
)

EXIT_CODES: dict[int, str] = {
    OK: "done, or it was so already",
    FAILED: "failed, or a verification found a difference",
    USAGE: "the command line cannot be read",
    INVALID: "settings or arguments are not valid",
    REFUSED: "not authenticated, or not permitted",
    MISSING: "nothing of that name",
    CONFLICT: "it conflicts with what is there, or a hold stands in the way",
    UNAVAILABLE: "something is away for the moment; trying again is safe",
    INTERRUPTED: "interrupted (Ctrl-C)",
}

_SHAPES: dict[type[errors.OpsError], int] = {
    errors.Invalid: INVALID,
    errors.Unauthenticated: REFUSED,
    errors.Denied: REFUSED,
    errors.Missing: MISSING,
    errors.Conflict: CONFLICT,
    errors.Held: CONFLICT,
    errors.Unavailable: UNAVAILABLE,
    errors.OpsError: FAILED,
}

_SETTINGS = "settings.invalid"
_TYPES = "https://opsplane.example/problems/"
"""Problem types are names, the same as over HTTP."""

_NEXT: dict[str, str] = {
    "approvals.already_decided": "Look at it: opsplane approval show ID",
    "approvals.approver_gone": "Withdraw it: opsplane approval withdraw ID; then propose it again.",
    "approvals.expired": "Propose it again, for a policy with: opsplane policy propose",
    "approvals.human_needed": "Sign in as a person: a static key or a service's token cannot ask "
    "or decide.",
    "approvals.not_approved": "Ask somebody else: opsplane approval approve ID --reason-code CODE",
    "approvals.not_open": "Look at it: opsplane approval show ID",
    "approvals.not_theirs": "To refuse what somebody else asked for: opsplane approval deny ID",
    "approvals.plan_differs": "See the plan that is to be approved: opsplane approval show ID",
    "approvals.plan_stale": "See what would change now: opsplane policy plan; then propose it.",
    "approvals.second_person_needed": "Ask somebody else who may decide: opsplane role list",
    "cli.usage": "Add --help to see what the command takes.",
    "cli.unexpected": "This is a defect: report the command and the place above.",
    "cli.token_unusable": "Give --token-file a file that holds one token, or set OPS_TOKEN.",
    "client.credential_missing": "See: opsplane ingest send --help",
    "client.journal_broken": "Give --restart to begin again: what is in is known.",
    "client.journal_busy": "Wait for it, or end it; the journal then goes on where it was.",
    "client.journal_differs": "Give --restart to begin again, or --state another folder.",
    "client.journal_unwritable": "Make it writable, or use --state DIR.",
    "client.receipts_foreign": "Name another file with --receipts, or move this one away.",
    "client.mapping_invalid": "Correct the mapping; opsplane ingest check tries it on a file.",
    "db.not_migrated": "Run: opsplane db migrate",
    "db.unavailable": "See that Postgres runs and OPS_DATABASE_URL is right, then try again.",
    "identity.credential_missing": "Set OPS_TOKEN to an operator's token, or use --token-file; "
    "in an environment with static keys, set OPS_API_KEY.",
    "identity.caller_forbidden": "The object id has to be in OPS_ALLOWED_OPERATOR_OBJECT_IDS.",
    "identity.permission_missing": "See which role allows it: opsplane role list",
    "ingest.policy_not_active": "See both revisions with: opsplane policy show",
    "ingest.policy_rev_differs": "See both revisions with: opsplane policy show",
    "ingest.quarantine_settled": "See how with: opsplane quarantine show",
    "ingest.run_closed": "See the open ones with: opsplane run list",
    "ingest.run_out_of_step": "Run: opsplane policy activate",
    "ingest.run_stands": "Open a run of your own with: opsplane run open",
    "ops.environment_differs": "Compare OPS_ENVIRONMENT and OPS_DATABASE_URL; "
    "a new database needs: opsplane environment init",
    "policy.approval_needed": "See what would change: opsplane policy plan; ask for it: opsplane "
    "policy propose --reason-code RELEASE --reason TEXT",
    "policy.nothing_active": "Ask a second person: opsplane policy propose --reason-code RELEASE "
    "--reason TEXT",
    "settings.invalid": "Set the variables, then run: opsplane settings check",
}
_NEXT_BY_SHAPE: dict[type[errors.OpsError], str] = {
    errors.Unauthenticated: "Get a new token for the operators' audience and try again.",
    errors.Denied: "Ask a platform owner.",
    errors.Invalid: "Correct it and try again; --help shows an example.",
    errors.Missing: "See what is there with the list or show command of the same group.",
    errors.Conflict: "Look at what is there with the list or show command of the same group.",
    errors.Held: "Find out who holds it, and why.",
    errors.Unavailable: "Try again in a moment.",
    errors.OpsError: "Report it with the code.",
}


class Unexpected(errors.OpsError):
    """A defect of ours, by its type and place; its message could hold values."""

    code = "cli.unexpected"
    title = "Something went wrong inside opsplane"

    @classmethod
    def of(cls, defect: Exception) -> Unexpected:
        """Describe a defect without its message (000-R20)."""
        last = traceback.extract_tb(defect.__traceback__)[-1]
        place = "/".join(last.filename.split("/")[-2:])
        return cls(f"{cls.title}: {type(defect).__name__} at {place}:{last.lineno}")


class Usage(errors.OpsError):
    """The command line cannot be read."""

    code = "cli.usage"
    title = "The command line cannot be read"

    @classmethod
    def of(cls, error: UsageError) -> Usage:
        """Take over what argparse says."""
        return cls(f"{error.message}\n{error.usage}")


def exit_code(error: errors.OpsError) -> int:
    """Return the exit code of an error: that of its nearest shape."""
    if error.code == _SETTINGS:
        return INVALID
    if error.code == Usage.code:
        return USAGE
    return next(_SHAPES[shape] for shape in type(error).__mro__ if shape in _SHAPES)


def advice(error: errors.OpsError) -> str:
    """Return what to do next."""
    if error.code in _NEXT:
        return _NEXT[error.code]
    return next(_NEXT_BY_SHAPE[shape] for shape in type(error).__mro__ if shape in _NEXT_BY_SHAPE)


def text(error: errors.OpsError, *, as_json: bool) -> str:
    """Return what goes to standard error."""
    if as_json:
        return json.dumps(_document(error), ensure_ascii=False, indent=2)
    lines = [f"error: {error.message}", f"code: {error.code}"]
    lines += [f"  {item.pointer or '/'}: {item.message} ({item.code})" for item in error.items]
    return "\n".join([*lines, advice(error)])


def _document(error: errors.OpsError) -> dict[str, object]:
    body: dict[str, object] = {
        "type": _TYPES + error.code,
        "title": type(error).title,
        "code": error.code,
        "detail": error.message,
        "exit_code": exit_code(error),
        "next": advice(error),
    }
    found: list[dict[str, str]] = [
        {"pointer": item.pointer, "code": item.code, "detail": item.message} for item in error.items
    ]
    # Settings are no part of a request; their problems have no pointer.
    found += [{"detail": problem} for problem in getattr(error, "problems", ())]
    if found:
        body["errors"] = found
    return body
