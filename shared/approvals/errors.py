"""What can stand in the way of an approval, one code each."""

from __future__ import annotations

from shared.kernel.errors import Conflict, Denied, Invalid, Missing, OpsError


class ApprovalUnknown(Missing):
    """No approval of that id, or not one of this kind."""

    code = "approvals.unknown"
    title = "There is no approval of that id; see: opsplane approval list"


class HumanNeeded(Denied):
    """A service asked or decided; approvals are for people (design 3)."""

    code = "approvals.human_needed"
    title = "Only a person can ask for an approval or decide on one"


class SecondPersonNeeded(Denied):
    """Whoever asked decided as well."""

    code = "approvals.second_person_needed"
    title = "Whoever asks for an approval cannot decide on it"


class NotTheirs(Denied):
    """Neither who asked nor who approved took it back."""

    code = "approvals.not_theirs"
    title = "Only who asked for it or who approved it can withdraw it; others deny it"


class PlanDiffers(Conflict):
    """The approver quoted another plan than the one of this approval."""

    code = "approvals.plan_differs"
    title = "That is not the plan of this approval; look at it again and quote its digest"


class PlanStale(Conflict):
    """What would happen now is not what was approved."""

    code = "approvals.plan_stale"
    title = "What would change is not what was approved any more; propose it again"


class NotApproved(Conflict):
    """Nobody has approved it yet."""

    code = "approvals.not_approved"
    title = "Nobody has approved this yet"


class AlreadyDecided(Conflict):
    """Somebody has decided, and otherwise, or somebody else has."""

    code = "approvals.already_decided"
    title = "Somebody has decided on this already"


class NotOpen(Conflict):
    """It was denied or withdrawn, or it has taken effect: nothing more can come of it."""

    code = "approvals.not_open"
    title = "This has ended: it was denied or withdrawn, or it has taken effect; propose it again"


class Expired(Conflict):
    """Its time ran out before it took effect."""

    code = "approvals.expired"
    title = "This approval has expired; propose it again"


class ApproverGone(Conflict):
    """Whoever approved it could not approve it any more."""

    code = "approvals.approver_gone"
    title = "Whoever approved this may not approve it any more; withdraw it and propose it again"


class KindUnknown(Conflict):
    """Another release asked for it, and this one does not know what it is about."""

    code = "approvals.kind_unknown"
    title = "This release does not know what the approval is about"


class ReasonUnfit(Invalid):
    """The text is too long, missing where it is needed, or holds control characters."""

    code = "approvals.reason_unfit"
    title = "A reason is one paragraph of at most 500 characters; a request needs one"


class PlanUnfit(OpsError):
    """A defect in our own code: a plan that is too large, or a subject that is no reference."""

    code = "approvals.plan_unfit"
    title = "The plan cannot be shown to an approver"
