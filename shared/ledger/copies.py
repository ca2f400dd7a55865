"""Copies of seals in Blob storage, out of reach of whoever owns the database."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.kernel.ports import BlobStore, DocumentMissing
from shared.ledger.model import Home, Seal, Signed

CONTAINER = "seals"
MEDIA_TYPE = "application/octet-stream"
_NAME = re.compile(r"([0-9]{1,18})-e([0-9]{1,9})\.seal")
"""Bounded: Python refuses to read numbers of thousands of digits."""


def name_of(stream: str, number: int, epoch: int) -> str:
    """Return the name of a seal's document, in storage and in exports.

    After a restore the numbers go on where the backup ended, in a new epoch, so that the documents
    of the seals that were lost keep their names and stay to be seen.
    """
    return f"{stream}/{number:012}-e{epoch}.seal"


def place_of(name: str) -> tuple[int, int] | None:
    """Return number and epoch of a document by its name; ``None`` when it is none of ours."""
    found = _NAME.fullmatch(name.rpartition("/")[2])
    return (int(found[1]), int(found[2])) if found else None


class Copies:
    """Reads and writes the documents of seals."""

    def __init__(self, blobs: BlobStore) -> None:
        """Keep them in ``blobs``."""
        self._blobs = blobs

    def write(self, seal: Seal, signed: Signed) -> bool:
        """Write a seal's document; ``False`` when another one stands in its place, and stays.

        Raises `Unavailable`.
        """
        name = f"{seal.home.folder}/{name_of(seal.stream, seal.number, seal.epoch)}"
        document = signed.document()
        if self._blobs.put_once(CONTAINER, name, document, media_type=MEDIA_TYPE):
            return True
        return self._blobs.get(CONTAINER, name) == document

    def find(self, home: Home, stream: str, number: int, epoch: int) -> bytes | None:
        """Return a seal's document; ``None`` when there is none. Raises `Unavailable`."""
        try:
            return self._blobs.get(CONTAINER, f"{home.folder}/{name_of(stream, number, epoch)}")
        except DocumentMissing:
            return None

    def places(self, home: Home, stream: str) -> Iterator[tuple[int, int]]:
        """Yield number and epoch of every document of a stream, in order of number."""
        for name in self._blobs.names(CONTAINER, f"{home.folder}/{stream}/"):
            if (place := place_of(name)) is not None:
                yield place
