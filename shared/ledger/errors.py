"""What can go wrong with seals and proofs."""

from __future__ import annotations

from shared.kernel.errors import Conflict, Held, Invalid, Missing, OpsError, Unavailable


class SigningKeyMissing(Held):
    """The key provider does not hold the signing key of this id."""

    code = "ledger.signing_key_missing"
    title = "The signing key is not there"


class SigningUnavailable(Unavailable):
    """The provider of signing keys did not answer: nothing is sealed meanwhile."""

    code = "ledger.signing_unavailable"
    title = "Signing keys are not available at the moment"


class StreamUnknown(Missing):
    """No stream of that name."""

    code = "ledger.stream_unknown"
    title = "There is no stream of that name"


class EntryMissing(Missing):
    """No entry of that id in the stream, or not for this caller."""

    code = "ledger.entry_missing"
    title = "There is no such entry for this caller"


class NotSealedYet(Unavailable):
    """The entry stands in the ledger and no seal covers it yet."""

    code = "ledger.not_sealed_yet"
    title = "The entry is not sealed yet"


class EntryDiffers(OpsError):
    """The entry is not what was sealed: there is nothing to prove, and an incident to open."""

    code = "ledger.entry_differs"
    title = "The entry differs from what was sealed; see: opsplane ledger verify"


class SealBroken(OpsError):
    """A stored seal cannot be read, so that nothing may be chained to it."""

    code = "ledger.seal_broken"
    title = "The last seal cannot be read or does not verify; see: opsplane ledger verify"


class HomeDiffers(Held):
    """The database says of itself that it is another one than these keys have sealed for."""

    code = "ledger.home_differs"
    title = (
        "The database says that it is another one than these signing keys seal for; "
        "see docs/ledger.md, Home"
    )


class EpochMissing(Held):
    """Transaction ids are behind those that were sealed: a restore that began no epoch."""

    code = "ledger.epoch_missing"
    title = "Transaction ids are behind the last seal; a restore has to begin a new epoch"


class EpochRefused(Conflict):
    """The sequence of a ledger is behind its rows: a restore was not finished."""

    code = "ledger.epoch_refused"
    title = "A ledger has rows above its own sequence; set the sequences before a new epoch"


class TrustUnreadable(Invalid):
    """The file of trusted keys cannot be read, or a key does not fit its id."""

    code = "ledger.trust_unreadable"
    title = "The file of trusted keys cannot be used"


class CheckpointUnreadable(Invalid):
    """A checkpoint is not what an earlier verification printed."""

    code = "ledger.checkpoint_unreadable"
    title = "The checkpoint cannot be used; give a file or STREAM:NUMBER:DIGEST"


class ExportUnusable(Invalid):
    """The folder of an export cannot be written or read."""

    code = "ledger.export_unusable"
    title = "The folder cannot be used"
