"""The client of the gate, put together: it needs an address and a credential, and no `Settings`.

Whoever sends records is not the app: an intake machine has neither database nor storage settings.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.client.ports import Circumstances, Credential, Gate
from shared.kernel.clock import SystemClock
from shared.kernel.ids import RandomIds

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "OPS_INGEST_URL"
TENANT = "OPS_INGEST_TENANT"
TOKEN = "OPS_INGEST_TOKEN"  # noqa: S105 - the name of a variable
KEY = "OPS_API_KEY"  # pragma: allowlist secret - the name of a variable
AUDIENCE = "INGEST_AAD_AUDIENCE"


def gate(url: str) -> Gate:
    """Return the gate at an address. Raises `GateAddressUnsafe`."""
    from shared.adapters.gate_http import HttpGate

    return HttpGate(url)


def credential(environment: Mapping[str, str], token_file: str | None) -> Credential:
    """Return what proves who sends: a token file, a token, a static key, or the identity here.

    Raises `SenderUnknown` where there is none of them.
    """
    from shared.client import credentials
    from shared.client.errors import SenderUnknown

    if token_file is not None:
        return credentials.token_file(token_file)
    if token := environment.get(TOKEN, "").strip():
        return credentials.Token(lambda: token)
    if key := environment.get(KEY, "").strip():
        return credentials.StaticKey(key)
    audience = environment.get(AUDIENCE, "").strip()
    if not audience:
        raise SenderUnknown(
            f"No credential: set {TOKEN}, give --token-file, or set {AUDIENCE} where a managed "
            "identity is"
        )
    return credentials.Token(_identity(audience))


def circumstances() -> Circumstances:
    """Return the machine's time and chance, and the name of a new delivery."""
    delivery_id = RandomIds().mint("dlv", SystemClock().now())
    return Circumstances(time.monotonic, secrets.SystemRandom().random, delivery_id)


def _identity(audience: str) -> Callable[[], str]:
    def fetch() -> str:
        from shared.adapters.entra import operator_token

        return operator_token(audience)

    return fetch
