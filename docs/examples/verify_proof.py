"""Check a proof of `opsplane ledger prove` without Opsplane: `verify_proof.py PROOF TRUST`.

TRUST is the file of `opsplane ledger keys --to TRUST`, got by a way that you trust. Everything is
Python's standard library but the Ed25519 signature, which the package `cryptography` checks.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def root_from(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Follow an audit path (RFC 9162, 2.1.3.2) to the root that it proves."""
    if not 0 <= index < size:
        raise ValueError("the index lies outside the tree")
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            raise ValueError("the path is too long")
        if index % 2 or index == last:
            node = sha256(b"\x01" + sibling + node)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            node = sha256(b"\x01" + node + sibling)
        index, last = index // 2, last // 2
    if last:
        raise ValueError("the path is too short")
    return node


def check(proof: dict, trusted: dict[str, str], home: str | None = None) -> dict:
    """Return the seal that covers the entry. Raises ValueError or InvalidSignature."""
    if proof["document"] != "ops.proof.v1":
        raise ValueError("this is no proof")
    body = proof["seal"].encode()
    seal = json.loads(body)
    # 1. The key is one of yours; the one in the proof is not even looked at.
    if seal["key_id"] not in trusted:
        raise ValueError("the seal is signed with a key that you do not trust")
    public = bytes.fromhex(trusted[seal["key_id"]])
    if sha256(public).hex() != seal["key_id"]:
        raise ValueError("a trusted key does not fit its id")
    # 2. It signed this seal, and the seal is one.
    Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(proof["signature"]), body)
    if seal["document"] != "ops.seal.v1" or seal["stream"] != proof["stream"]:
        raise ValueError("what is signed is no seal of this stream")
    since = "".join(sign for sign in seal["initialised_at"] if sign not in "-:.")
    place = f"{seal['environment']}/{seal['workspace']}/{since}"
    if home not in (None, place):
        raise ValueError("the seal is of another database than your trust file names")
    # 3. The entry is in the tree under the seal, at the offset that is claimed.
    leaf = sha256(b"\x00" + proof["entry"].encode())
    path = [bytes.fromhex(sibling) for sibling in proof["path"]]
    if root_from(leaf, proof["index"], seal["entries"], path).hex() != seal["root"]:
        raise ValueError("the entry is not under this seal")
    if seal["first_offset"] + proof["index"] != proof["offset"]:
        raise ValueError("the offset is not the one that was sealed")
    return seal


if __name__ == "__main__":
    try:
        proof, trust = (json.loads(Path(name).read_text("utf-8")) for name in sys.argv[1:3])
    except (OSError, ValueError) as error:
        sys.exit(f"{__doc__}\nCannot be read: {error}")
    try:
        seal = check(proof, trust["keys"], trust.get("home"))
    except (ValueError, KeyError, TypeError, InvalidSignature) as error:
        sys.exit(f"NOT PROVEN: {error or type(error).__name__}")
    print(f"proven: offset {proof['offset']} of {proof['stream']}, sealed {seal['sealed_at']}")
