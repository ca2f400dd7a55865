"""What whoever owns the database can do to it, each way with where it has to be found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson

from shared.adapters.signing import MemorySigningKeys
from shared.kernel.canonical import canonical, content_address
from shared.kernel.db import Tx
from shared.ledger import tree
from shared.ledger.keys import Trust
from shared.ledger.live import LiveEvidence
from shared.ledger.model import Signed, read
from shared.ledger.report import Checkpoint, Report
from shared.ledger.seals import Scale
from shared.ledger.verification import Verification
from tests.store.ledger.conftest import FEW
from tests.support.fix_db import World

ENTRIES = 43
SEALS = 9
TAMPERINGS = 200


class Owner:
    """The owner of the database, in a transaction that is never committed."""

    def __init__(self, connection: Any, world: World) -> None:
        self.connection = connection
        self.world = world

    def run(self, query: str, *params: Any) -> int:
        return self.connection.execute(query, params).rowcount

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, params).fetchall()

    def entries(self) -> list[tuple[int, int, str]]:
        """Transaction id, seq and text of every admission, in the order of sealing."""
        return self.rows("SELECT xid::text::bigint, seq, body FROM ops.admission ORDER BY xid, seq")

    def seal(self, number: int) -> Signed:
        [(body, signature, leaves)] = self.rows(
            "SELECT body, signature, leaves FROM ops.seal"
            " WHERE stream = 'admission' AND number = %s",
            number,
        )
        return Signed(body.encode(), signature, leaves)

    def put_seal(self, number: int, body: bytes, signature: bytes, leaves: bytes) -> None:
        self.run("DELETE FROM ops.seal WHERE stream = 'admission' AND number = %s", number)
        self.run(
            "INSERT INTO ops.seal (body, signature, leaves) VALUES (%s, %s, %s)",
            body.decode(),
            signature,
            leaves,
        )

    # The verifier's database: platform transactions that read what the owner sees.
    @contextmanager
    def platform(self, _call: object, *, read_only: bool) -> Iterator[Tx]:
        assert read_only
        yield Tx(self.connection)

    def verify(
        self, start: Checkpoint | None = None, *, trust: Trust | None = None, copies: bool = True
    ) -> Report:
        services = self.world.services
        believed = trust or Trust(services.signing_keys.public_keys())
        evidence = LiveEvidence(
            self,  # type: ignore[arg-type]
            services.seal_copies if copies else None,
            believed,
            self.world.operator(),
            "admission",
        )
        return Verification(Scale("admission", evidence.home, believed), evidence).run(start)


@contextmanager
def owning(world: World) -> Iterator[Owner]:
    with world.connect() as connection, connection.transaction(force_rollback=True):
        # Triggers and row-level security do not hold an administrator.
        connection.execute("SET LOCAL session_replication_role = replica")
        yield Owner(connection, world)


def seal_of(rank: int) -> int:
    return rank // FEW + 1


def forged(text: str) -> str:
    members = orjson.loads(text)
    members["event_id"] = "forged"
    return canonical(members).decode()


def another(text: str, number: int) -> str:
    members = orjson.loads(text)
    return canonical({**members, "receipt_id": f"{number:032x}"}).decode()


# Each tampers with one thing and returns where it has to be found: kinds and (seal, offset).
type Expected = tuple[set[str], set[tuple[int, int | None]]]


def edit(owner: Owner, chance: random.Random) -> Expected:
    rank = chance.randrange(ENTRIES)
    xid, seq, text = owner.entries()[rank]
    changed = owner.run(
        "UPDATE ops.admission SET body = %s WHERE xid = %s::text::xid8 AND seq = %s",
        forged(text),
        str(xid),
        seq,
    )
    assert changed == 1
    return {"entry_edited"}, {(seal_of(rank), rank)}


def delete(owner: Owner, chance: random.Random) -> Expected:
    rank = chance.randrange(ENTRIES)
    xid, seq, _ = owner.entries()[rank]
    owner.run("DELETE FROM ops.admission WHERE xid = %s::text::xid8 AND seq = %s", str(xid), seq)
    return {"entry_missing"}, {(seal_of(rank), rank)}


def insert(owner: Owner, chance: random.Random) -> Expected:
    """Put a row of one's own before those of a transaction; a seq may be whatever one writes."""
    entries = owner.entries()
    xid = entries[chance.randrange(ENTRIES)][0]
    rank = next(at for at, entry in enumerate(entries) if entry[0] == xid)
    forge(
        owner, xid, -chance.randrange(1, 1000), another(entries[rank][2], chance.randrange(2**32))
    )
    return {"entry_inserted"}, {(seal_of(rank), rank)}


def forge(owner: Owner, xid: int, seq: int, text: str) -> None:
    owner.run(
        "INSERT INTO ops.admission (month, xid, seq, body) OVERRIDING SYSTEM VALUE"
        " VALUES (202611, %s::text::xid8, %s, %s)",
        str(xid),
        seq,
        text,
    )


def swap(owner: Owner, chance: random.Random) -> Expected:
    one, two = sorted(chance.sample(range(ENTRIES), 2))
    entries = owner.entries()
    for here, there in ((one, two), (two, one)):
        owner.run(
            "UPDATE ops.admission SET body = %s WHERE xid = %s::text::xid8 AND seq = %s",
            entries[there][2],
            str(entries[here][0]),
            entries[here][1],
        )
    within = seal_of(one) == seal_of(two)
    places: set[tuple[int, int | None]] = {(seal_of(one), one), (seal_of(two), two)}
    return {"entry_moved" if within else "entry_edited"}, places


def reseal(owner: Owner, chance: random.Random) -> Expected:
    """Change an entry and seal it and everything after it again, with a key of one's own."""
    rank = chance.randrange(ENTRIES)
    edit_rank(owner, rank)
    mine = MemorySigningKeys()
    lie = chance.random() < 0.5
    previous: str | None = None
    for number in range(seal_of(rank), SEALS + 1):
        kept = owner.seal(number)
        seal = read(kept.body)
        assert seal is not None
        texts = [
            text.encode()
            for at, (_, _, text) in enumerate(owner.entries())
            if seal.first_offset <= at < seal.next_offset
        ]
        leaves = tree.leaves_of(texts)
        new = replace(
            seal,
            root=tree.root(leaves).hex(),
            leaves=content_address(b"".join(leaves)),
            previous=previous or seal.previous,
            # Either it names the key that signed, or it claims to be signed by the right one.
            key_id=seal.key_id if lie else mine.current(),
        )
        body = new.body()
        owner.put_seal(number, body, mine.sign(mine.current(), body), b"".join(leaves))
        previous = content_address(body)
    kind = "seal_signature_invalid" if lie else "seal_key_untrusted"
    seals = {(number, None) for number in range(seal_of(rank), SEALS + 1)}
    return {kind, "leaves_edited", "entry_edited"}, {*seals, (seal_of(rank), rank)}


def edit_rank(owner: Owner, rank: int) -> None:
    xid, seq, text = owner.entries()[rank]
    owner.run(
        "UPDATE ops.admission SET body = %s WHERE xid = %s::text::xid8 AND seq = %s",
        forged(text),
        str(xid),
        seq,
    )


def edit_with_leaves(owner: Owner, chance: random.Random) -> Expected:
    """Change an entry and its leaf hash, so that rows and leaves agree."""
    rank = chance.randrange(ENTRIES)
    edit_rank(owner, rank)
    number = seal_of(rank)
    kept = owner.seal(number)
    leaves = tree.split(kept.leaves)
    leaves[rank % FEW] = tree.leaf(owner.entries()[rank][2].encode())
    unbind(owner)
    owner.put_seal(number, kept.body, kept.signature, b"".join(leaves))
    return {"leaves_edited", "entry_edited"}, {(number, None), (number, rank)}


def unbind(owner: Owner) -> None:
    owner.run(
        "ALTER TABLE ops.seal DROP CONSTRAINT seal_leaves_of_body,"
        " DROP CONSTRAINT seal_leaf_per_entry"
    )


def remove_seal(owner: Owner, chance: random.Random) -> Expected:
    """A seal goes; its copy tells what it said, so its entries are still compared."""
    number = chance.randrange(1, SEALS + 1)
    owner.run("DELETE FROM ops.seal WHERE stream = 'admission' AND number = %s", number)
    return {"seal_missing"}, {(number, None)}


def truncate(owner: Owner, chance: random.Random) -> Expected:
    """The end of the ledger goes, rows and seals; the copies remember it."""
    number = chance.randrange(2, SEALS + 1)
    last = read(owner.seal(number - 1).body)
    assert last is not None
    owner.run("DELETE FROM ops.seal WHERE stream = 'admission' AND number >= %s", number)
    owner.run(
        "DELETE FROM ops.admission WHERE (xid, seq) > (%s::text::xid8, %s)",
        str(last.through_xid),
        last.through_seq,
    )
    seals = {(at, None) for at in range(number, SEALS + 1)}
    entries = {(seal_of(at), at) for at in range(last.next_offset, ENTRIES)}
    return {"seal_missing", "entry_missing"}, {*seals, *entries}


def rewrite_body(owner: Owner, chance: random.Random) -> Expected:
    """A member of a seal changes and its signature stays."""
    number = chance.randrange(1, SEALS + 1)
    kept = owner.seal(number)
    members = orjson.loads(kept.body)
    members["sealed_at"] = "2026-11-21T00:00:00.000000Z"
    owner.put_seal(number, canonical(members), kept.signature, kept.leaves)
    return {"seal_signature_invalid"}, {(number, None)}


def break_signature(owner: Owner, chance: random.Random) -> Expected:
    number = chance.randrange(1, SEALS + 1)
    kept = owner.seal(number)
    at = chance.randrange(64)
    bent = kept.signature[:at] + bytes([kept.signature[at] ^ 1]) + kept.signature[at + 1 :]
    owner.put_seal(number, kept.body, bent, kept.leaves)
    return {"seal_signature_invalid"}, {(number, None)}


WAYS = (
    edit,
    delete,
    insert,
    swap,
    reseal,
    edit_with_leaves,
    remove_seal,
    truncate,
    rewrite_body,
    break_signature,
)
