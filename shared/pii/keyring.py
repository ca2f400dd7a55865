"""The keys of a tenant: fetched, unwrapped, kept in memory for at most a minute."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.call import Call
from shared.kernel.db import Tx
from shared.kernel.errors import OpsError
from shared.kernel.ids import TenantId
from shared.kernel.ports import KeyMissing, TenantKeys
from shared.kernel.sql import Queries
from shared.pii.errors import SealBroken

_sql = Queries("shared.pii")

KEY_BYTES = 32
NONCE_BYTES = 12
KEEP_SECONDS = 60.0
"""How long an unwrapped key may stay in memory (design 5)."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key as Postgres holds it."""

    purpose: str
    version: int
    wrapped: bytes
    state: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The unwrapped keys of one tenant."""

    tenant_id: TenantId
    index: bytes = field(repr=False)
    data: dict[int, bytes] = field(repr=False)
    current: int
    derived: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was made from these keys and must leave memory when they do."""


class Keyring:
    """Hands out a tenant's keys inside a transaction of that tenant."""

    def __init__(
        self, provider: TenantKeys, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Fetch tenant keys from ``provider``."""
        self._provider = provider
        self._monotonic = monotonic
        self._kept: dict[TenantId, tuple[float, Keys]] = {}
        self._due: threading.Timer | None = None
        self._lock = threading.Lock()

    def of(self, tx: Tx, tenant_id: TenantId) -> Keys:
        """Return the tenant's keys, from memory or through the provider.

        Raises `KeyMissing` when the tenant has none, `Unavailable` when the provider is away.
        """
        now = self._monotonic()
        with self._lock:
            kept = self._kept.get(tenant_id)
        if kept and now - kept[0] < KEEP_SECONDS:
            return kept[1]
        keys = self._unwrap(tx, tenant_id)
        with self._lock:
            self._kept[tenant_id] = (now, keys)
        self.forget()
        return keys

    def forget(self) -> int:
        """Drop every key that has been kept long enough and return how many tenants' are left.

        Runs whenever keys are unwrapped, and when the oldest of them are due, so that a process
        that nobody calls holds no keys either.
        """
        now = self._monotonic()
        with self._lock:
            self._kept = {
                tenant: entry
                for tenant, entry in self._kept.items()
                if now - entry[0] < KEEP_SECONDS
            }
            if self._kept and self._due is None:
                oldest = min(kept_at for kept_at, _ in self._kept.values())
                self._due = threading.Timer(KEEP_SECONDS - (now - oldest), self._fall_due)
                self._due.daemon = True
                self._due.start()
            return len(self._kept)

    def _fall_due(self) -> None:
        with self._lock:
            self._due = None
        self.forget()

    def _unwrap(self, tx: Tx, tenant_id: TenantId) -> Keys:
        rows = tx.all(WrappedKey, _sql.tenant_keys, {"tenant_id": tenant_id})
        if not rows:
            raise KeyMissing
        master = self._provider.fetch(tenant_id)
        opened = {
            (row.purpose, row.version): unwrap(
                master, tenant_id, row.purpose, row.version, row.wrapped
            )
            for row in rows
        }
        current = {row.purpose: row.version for row in rows if row.state == "current"}
        return Keys(
            tenant_id=tenant_id,
            index=opened["index", current["index"]],
            data={version: key for (purpose, version), key in opened.items() if purpose == "data"},
            current=current["data"],
        )

    def prepare_tenant(self, tx: Tx, call: Call) -> None:
        """Give a new tenant its tenant key, first data key and index key.

        The tenant key is made first: a transaction that fails afterwards leaves an unused key
        behind, which is harmless, and never a tenant without one.
        """
        tenant_id = call.tenant_id
        if tenant_id is None:
            raise OpsError("a tenant is needed")
        self._provider.create(tenant_id)
        master = self._provider.fetch(tenant_id)
        for purpose in ("data", "index"):
            wrapped = wrap(master, tenant_id, purpose, 1, os.urandom(KEY_BYTES))
            tx.run(
                _sql.add_tenant_key,
                {
                    "tenant_id": tenant_id,
                    "purpose": purpose,
                    "version": 1,
                    "wrapped": wrapped,
                    "now": call.now,
                },
            )


def wrap(master: bytes, tenant_id: TenantId, purpose: str, version: int, key: bytes) -> bytes:
    """Return ``nonce || ciphertext`` of a key, bound to tenant, purpose and version."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(master).encrypt(nonce, key, _binding(tenant_id, purpose, version))


def unwrap(master: bytes, tenant_id: TenantId, purpose: str, version: int, wrapped: bytes) -> bytes:
    """Return the key inside. Raises `SealBroken`."""
    nonce, ciphertext = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
    try:
        return AESGCM(master).decrypt(nonce, ciphertext, _binding(tenant_id, purpose, version))
    except (InvalidTag, ValueError):
        # A wrapped key that was cut short has no whole nonce, which is a ValueError.
        raise SealBroken from None


def _binding(tenant_id: TenantId, purpose: str, version: int) -> bytes:
    return f"ops.key.v1|{tenant_id}|{purpose}|{version}".encode()
