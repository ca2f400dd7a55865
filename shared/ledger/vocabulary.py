"""Permissions and facts of the ledger."""

from __future__ import annotations

from enum import StrEnum

from shared.governance.facts import CODE, DIGEST, FactKind


class Permission(StrEnum):
    """What callers may be allowed to do with the ledger."""

    SEAL_CREATE = "ledger:seal:create"
    SEAL_VERIFY = "ledger:seal:verify"
    STATUS_READ = "ledger:status:read"
    ENTRY_PROVE = "ledger:entry:prove"
    ENTRY_EXPORT = "ledger:entry:export"
    KEY_READ = "ledger:key:read"
    KEY_ROTATE = "ledger:key:rotate"
    EPOCH_BEGIN = "ledger:epoch:begin"


KEY_CHANGED = FactKind(
    "ledger:key:changed",
    "A stream is sealed with another signing key from this seal on.",
    {"stream": CODE, "number": int, "key": DIGEST},
)
EPOCH_BEGUN = FactKind(
    "ledger:epoch:begun",
    "A new epoch of every stream began, because transaction ids are counted anew.",
    {"epoch": int},
)
EXPORTED = FactKind(
    "ledger:entry:exported",
    "Entries of a stream were exported with their seals.",
    {"stream": CODE, "first": int, "last": int},
)
