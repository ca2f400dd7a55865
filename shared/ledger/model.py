"""A seal: what its body says, and how it is written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import NamedTuple

import orjson

from shared.kernel.canonical import NotCanonical, canonical, content_address
from shared.kernel.clock import instant
from shared.ledger import tree

DOCUMENT = "ops.seal.v1"
FIRST = "0" * 64
"""What the first seal of a stream names as the digest of the one before."""
_WHOLE = (
    "epoch",
    "number",
    "first_offset",
    "entries",
    "above_seq",
    "after_xid",
    "after_seq",
    "through_xid",
    "through_seq",
)


class Position(NamedTuple):
    """Where a row stands within its epoch."""

    xid: int
    seq: int


START = Position(0, 0)
"""Before every row: transaction ids begin at 3, sequences at 1."""


class Home(NamedTuple):
    """The database that a ledger belongs to; a restored one is the same."""

    environment: str
    workspace: str
    initialised_at: str

    @property
    def folder(self) -> str:
        """Return where its copies lie: two databases may share a storage account."""
        since = self.initialised_at.translate({ord(sign): None for sign in "-:."})
        return f"{self.environment}/{self.workspace}/{since}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The body of a seal; its members are those of the canonical text."""

    stream: str
    epoch: int
    number: int
    first_offset: int
    entries: int
    months: Mapping[str, int]
    """How many entries each month has; retention drops months, and they stay counted here."""
    above_seq: int
    """Rows of this epoch have a seq above this one."""
    after_xid: int
    after_seq: int
    through_xid: int
    through_seq: int
    root: str
    leaves: str
    previous: str
    sealed_at: str
    environment: str
    workspace: str
    initialised_at: str
    service_release_id: str
    key_id: str

    @property
    def after(self) -> Position:
        """Return the position behind which the first entry stands."""
        return Position(self.after_xid, self.after_seq)

    @property
    def through(self) -> Position:
        """Return the position of the last entry."""
        return Position(self.through_xid, self.through_seq)

    @property
    def home(self) -> Home:
        """Return the database that it was made in."""
        return Home(self.environment, self.workspace, self.initialised_at)

    @property
    def next_offset(self) -> int:
        """Return the offset of the entry after the last."""
        return self.first_offset + self.entries

    def body(self) -> bytes:
        """Return the canonical text, which is what is signed."""
        return canonical({"document": DOCUMENT, **asdict(self)})


_MEMBERS = frozenset(field.name for field in fields(Seal))


@dataclass(frozen=True, slots=True)
class Stretch:
    """The entries that the next seal covers, as hashes."""

    stream: str
    epoch: int
    above_seq: int
    after: Position
    through: Position
    leaves: Sequence[bytes]
    months: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Signed:
    """A seal as it is kept: text, signature and leaf hashes, none of them trusted yet."""

    body: bytes
    signature: bytes
    leaves: bytes

    @property
    def digest(self) -> str:
        """Return the digest that the next seal names; ``sha256sum`` of the body."""
        return content_address(self.body)

    def document(self) -> bytes:
        """Return the document of Blob storage and exports: two lines of text, then raw leaves."""
        return b"\n".join((self.body, self.signature.hex().encode(), self.leaves))

    @classmethod
    def of(cls, document: bytes) -> Signed | None:
        """Read such a document; ``None`` when it is none."""
        parts = document.split(b"\n", 2)
        try:
            signature = bytes.fromhex(parts[1].decode("ascii"))
        except (IndexError, ValueError):
            return None
        return cls(parts[0], signature, parts[2]) if len(parts) > 2 else None  # noqa: PLR2004


def read(body: bytes) -> Seal | None:
    """Read the text of a seal; ``None`` unless it is canonical, whole and makes sense."""
    try:
        members = orjson.loads(body)
        if not isinstance(members, dict) or canonical(members) != body:
            return None
    except (orjson.JSONDecodeError, NotCanonical):
        return None
    if members.pop("document", None) != DOCUMENT or not _shaped(members):
        return None
    seal = Seal(**members)
    sound = seal.entries > 0 and seal.number > 0 and sum(seal.months.values()) == seal.entries
    return seal if sound and seal.after < seal.through else None


def _shaped(members: Mapping[str, object]) -> bool:
    """Tell whether every member is there, no other is, and each has its type."""
    if members.keys() != _MEMBERS or not isinstance(members["months"], dict):
        return False
    months = members["months"].values()
    whole = [members[name] for name in _WHOLE]
    texts = [members[name] for name in _MEMBERS - {*_WHOLE, "months"}]
    return (
        all(type(number) is int and number >= 0 for number in whole)
        and all(type(text) is str for text in texts)
        and all(type(count) is int and count > 0 for count in months)
    )


def seal_next(
    before: tuple[Seal, str] | None, stretch: Stretch, home: Home, by: tuple[str, str], at: datetime
) -> Seal:
    """Return the seal over the next entries.

    ``before`` is the last seal with its digest, ``by`` the release and the key that make this one.
    """
    last, previous = before or (None, FIRST)
    release, key_id = by
    return Seal(
        stream=stretch.stream,
        epoch=stretch.epoch,
        number=last.number + 1 if last else 1,
        first_offset=last.next_offset if last else 0,
        entries=len(stretch.leaves),
        months=dict(stretch.months),
        above_seq=stretch.above_seq,
        after_xid=stretch.after.xid,
        after_seq=stretch.after.seq,
        through_xid=stretch.through.xid,
        through_seq=stretch.through.seq,
        root=tree.root(stretch.leaves).hex(),
        leaves=content_address(b"".join(stretch.leaves)),
        previous=previous,
        sealed_at=instant(at),
        environment=home.environment,
        workspace=home.workspace,
        initialised_at=home.initialised_at,
        service_release_id=release,
        key_id=key_id,
    )
