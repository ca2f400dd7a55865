"""One entry proven: text, audit path, signed seal. `docs/examples/verify_proof.py` checks it."""

from __future__ import annotations

from typing import Any

from shared.kernel.call import Call, demand
from shared.kernel.db import Database, Tx
from shared.kernel.ports import SigningKeys
from shared.ledger import store, tree
from shared.ledger.errors import EntryDiffers, EntryMissing, NotSealedYet
from shared.ledger.keys import Trust
from shared.ledger.model import Position, Signed, read
from shared.ledger.vocabulary import Permission

DOCUMENT = "ops.proof.v1"
STREAM = "admission"
SEALED_WITHIN = 20
"""Seconds after which an entry is sealed unless something is wrong: two ticks of the sealer."""


class Proofs:
    """Proves entries from the ledger alone."""

    def __init__(self, database: Database, keys: SigningKeys) -> None:
        """Read as ``ops_audit``."""
        self._database = database
        self._keys = keys

    def prove(self, call: Call, receipt_id: str) -> dict[str, Any]:
        """Return the proof of an admission inside the call's tenant.

        Raises `EntryMissing`, `NotSealedYet`, `EntryDiffers` when the ledger was tampered with.
        """
        demand(call, Permission.ENTRY_PROVE)
        if call.tenant_id is None:
            raise EntryMissing
        with self._database.transaction(call, read_only=True) as tx:
            found = store.entry_of_receipt(tx, call.tenant_id, receipt_id)
            if found is None:
                raise EntryMissing
            position, text = found
            signed = _seal_over(tx, position)
        if signed is None:
            raise NotSealedYet(
                f"The entry is not sealed yet; entries are sealed within {SEALED_WITHIN} seconds, "
                "unless a long transaction holds sealing back: try again",
                retry_after=SEALED_WITHIN,
            )
        return self._proof(text, signed)

    def _proof(self, text: bytes, signed: Signed) -> dict[str, Any]:
        keys = self._keys.public_keys()
        seal = read(signed.body)
        if seal is None or not Trust(keys).signed(seal.key_id, signed.signature, signed.body):
            raise EntryDiffers
        leaves = tree.split(signed.leaves)
        leaf = tree.leaf(text)
        if leaf not in leaves or tree.root(leaves).hex() != seal.root:
            raise EntryDiffers
        index = leaves.index(leaf)
        return {
            "document": DOCUMENT,
            "stream": seal.stream,
            "offset": seal.first_offset + index,
            "entry": text.decode(),
            "index": index,
            "path": [sibling.hex() for sibling in tree.path(leaves, index)],
            "seal": signed.body.decode(),
            "signature": signed.signature.hex(),
            "key_id": seal.key_id,
            "public_key": keys[seal.key_id].hex(),
        }


def _seal_over(tx: Tx, position: Position) -> Signed | None:
    """Return the seal of the epoch that a row belongs to, by its seq."""
    epoch = next(
        epoch
        for epoch in reversed(store.epochs(tx, STREAM))
        if epoch.above_seq < position.seq or epoch.epoch == 1
    )
    return store.seal_of_position(tx, STREAM, epoch.epoch, position)
