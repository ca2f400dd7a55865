"""What can go wrong with keys and sealed data."""

from __future__ import annotations

from shared.kernel.errors import OpsError, Unavailable


class KeysUnavailable(Unavailable):
    """The key provider did not answer: ingest fails closed."""

    code = "pii.keys_unavailable"
    title = "Encryption keys are not available at the moment"


class SealBroken(OpsError):
    """A sealed value does not open: wrong key, moved row or changed bytes."""

    code = "pii.seal_broken"
    title = "A sealed value does not open"
