"""The vault: one ciphertext per record, sealed in the transaction that admits it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.call import Call
from shared.kernel.canonical import canonical
from shared.kernel.db import Tx
from shared.kernel.errors import OpsError
from shared.kernel.ids import ReceiptId, TenantId
from shared.kernel.sql import Queries
from shared.pii.blind import Identifier
from shared.pii.errors import SealBroken
from shared.pii.keyring import NONCE_BYTES, Keys

_sql = Queries("shared.pii")


@dataclass(frozen=True, slots=True)
class Secret:
    """The personal fields of one record, on their way into the vault."""

    receipt_id: ReceiptId
    fields: dict[str, str] = field(repr=False)
    identifiers: tuple[Identifier, ...] = field(repr=False)


class Sealed:
    """Proof that a batch is in the vault; only `Vault.seal` makes one.

    The deterministic write asks for it, so writing a record before its personal data is sealed
    is a type error and, should someone forge it, a run-time one.
    """

    __slots__ = ("_receipt_ids",)

    def __init__(self, receipt_ids: frozenset[ReceiptId], *, maker: object) -> None:
        """Refuse anyone but the vault."""
        if maker is not _MAKER:
            raise OpsError("only the vault says what is sealed")
        self._receipt_ids = receipt_ids

    def covers(self, receipt_ids: Sequence[ReceiptId]) -> bool:
        """Tell whether every record of a batch went through the vault."""
        return self._receipt_ids.issuperset(receipt_ids)


_MAKER = object()


class Vault:
    """Seals batches; opening is for `open_entry` under ``ops_keys`` alone."""

    def seal(self, tx: Tx, call: Call, keys: Keys, secrets: Sequence[Secret]) -> Sealed:
        """Write a batch into the vault with its blind indexes: two statements, any batch size.

        A record without personal fields needs no entry and is covered all the same.
        """
        tenant_id = keys.tenant_id
        cipher = AESGCM(keys.data[keys.current])
        sealed = [secret for secret in secrets if secret.fields]
        # One read of the system's randomness per batch; slices are as random as reads.
        noise = os.urandom(NONCE_BYTES * len(sealed))
        nonces = [noise[i : i + NONCE_BYTES] for i in range(0, len(noise), NONCE_BYTES)]
        entries: dict[str, Any] = {
            "tenant_id": tenant_id,
            "key_version": keys.current,
            "now": call.now,
            "receipt_ids": [secret.receipt_id for secret in sealed],
            "nonces": nonces,
            "ciphertexts": [
                cipher.encrypt(
                    nonce,
                    canonical(secret.fields),
                    _binding(tenant_id, secret.receipt_id, keys.current),
                )
                for nonce, secret in zip(nonces, sealed, strict=True)
            ],
        }
        if sealed:
            tx.run(_sql.insert_vault_entries, entries)
        indexed = [
            (identifier.kind, identifier.digest, secret.receipt_id)
            for secret in sealed
            for identifier in secret.identifiers
        ]
        if indexed:
            kinds, digests, receipt_ids = zip(*indexed, strict=True)
            tx.run(
                _sql.insert_blind_indexes,
                {
                    "tenant_id": tenant_id,
                    "kinds": list(kinds),
                    "digests": list(digests),
                    "receipt_ids": list(receipt_ids),
                },
            )
        return Sealed(frozenset(secret.receipt_id for secret in secrets), maker=_MAKER)


def open_entry(
    keys: Keys, receipt_id: ReceiptId, key_version: int, nonce: bytes, ciphertext: bytes
) -> bytes:
    """Return the canonical JSON of a record's personal fields; for key duties, never for routes.

    Raises `SealBroken` when the entry belongs to another record, tenant or version, or changed.
    """
    try:
        return AESGCM(keys.data[key_version]).decrypt(
            nonce, ciphertext, _binding(keys.tenant_id, receipt_id, key_version)
        )
    except (InvalidTag, KeyError, ValueError):
        raise SealBroken from None


def _binding(tenant_id: TenantId, receipt_id: ReceiptId, version: int) -> bytes:
    return f"ops.vault.v1|{tenant_id}|{receipt_id}|{version}".encode()
