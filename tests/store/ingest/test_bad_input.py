"""Bodies and strings that others collected because they break things."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.ingest.body import demand_readable, read
from shared.ingest.contracts import Contract, FieldClass, FieldType, shipped
from shared.ingest.errors import BodyEmpty, BodyUnreadable, PayloadDiffers, RecordsRefused
from shared.ingest.receipts import CONTAINER
from shared.kernel.db import Login
from shared.kernel.errors import Invalid, Malformed
from shared.pii.vault import open_entry
from tests.support.factories import RECORDS, a_complaint, an_order
from tests.support.fix_db import World
from tests.support.fix_worlds import Unshown, told

MEDIA = ("application/json", "application/x-ndjson")
DOCUMENTED = {"duplicate_name", "nul"}
"""What the gate refuses although JSON allows it: it leaves open which value is meant."""
OURS = DOCUMENTED | {"json_unreadable", "json_too_deep"}


@pytest.fixture(scope="module")
def files(shared_data: Path) -> list[tuple[str, bytes]]:
    folder = shared_data / "bad_json_parsing" / "dev"
    found = [
        (path.name, path.read_bytes())
        for part in ("test_parsing", "test_transform")
        for path in sorted((folder / part).iterdir())
    ]
    assert len(found) > 200
    return Unshown(found)


def codes_of(raw: bytes, media: str) -> set[str]:
    """Why a body is unreadable; empty when it can be read."""
    try:
        demand_readable(read(media, raw, 10_000))
    except BodyUnreadable as error:
        return {item.code for item in error.items}
    except BodyEmpty as error:
        return {error.code}
    return set()


@pytest.mark.parametrize("media", MEDIA)
def test_every_file_is_read_or_refused_with_a_known_code(files, media: str) -> None:
    """n_ refused; y_ read, or refused for a documented reason; i_ either; nothing else is raised.

    As NDJSON a document of several lines is several records, so only one-line files must agree.
    """
    wrong = []
    for name, raw in files:
        codes = codes_of(raw, media)
        lines = raw.strip().count(b"\n")
        if not codes <= OURS | {"ingest.body_empty"}:
            wrong.append((name, codes))
        if name.startswith("n_") and not codes and not (lines and media != MEDIA[0]):
            wrong.append((name, "was read"))
        if name.startswith("y_") and codes - DOCUMENTED and not (lines and media != MEDIA[0]):
            wrong.append((name, codes))
    assert wrong == []


@pytest.mark.parametrize("media", MEDIA)
def test_every_file_gets_a_stable_refusal_from_the_gate(
    land: World, tenant: str, files, media: str
) -> None:
    """Every n_ a 4xx, never a 5xx, and no file is a record of any contract."""
    outcomes: Counter[str] = Counter()
    for name, raw in files:
        with pytest.raises(Invalid) as refused:
            land.submit(tenant=tenant, body=raw, media_type=media)
        outcomes[refused.value.code] += 1
        if name.startswith("n_"):
            malformed = isinstance(refused.value, Malformed)
            several = raw.strip().count(b"\n") and media != MEDIA[0]
            assert malformed or several, name
    assert outcomes.keys() <= {
        "ingest.body_unreadable",
        "ingest.body_empty",
        "ingest.records_refused",
    }
    assert land.rows(
        "SELECT count(*) FROM ops.admission WHERE tenant_id = %s", land.tenants[tenant]
    ) == [(0,)]


@pytest.mark.parametrize("media", MEDIA)
def test_a_bad_value_inside_a_good_record_is_refused_or_kept_as_it_is(
    land: World, tenant: str, files, media: str
) -> None:
    """The same files as a member of a valid record: an unknown one, and a text one."""
    good = orjson.dumps(a_complaint(1))
    for name, raw in files:
        if raw.strip().count(b"\n") and media != MEDIA[0]:
            continue
        for member in (b'"unknown_thing":', b'"component":'):
            body = good[:-1] + b"," + member + raw.replace(b"\n", b" ") + b"}"
            try:
                land.submit(
                    tenant=tenant, body=body, media_type=media, contract="vehicle-complaint.v1"
                )
            except (Invalid, PayloadDiffers):
                continue
            assert member == b'"component":', name


# ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def naughty(shared_data: Path) -> list[str]:
    strings = orjson.loads((shared_data / "bad_strings" / "dev" / "blns.json").read_bytes())
    assert len(strings) > 400
    return Unshown(strings)


def text_fields(contract: Contract) -> Iterator[tuple[tuple[str | int, ...], FieldClass, bool]]:
    """Every text field of a contract: its path in a record, its class, whether it is free."""
    for field in contract.fields.values():
        if field.type is FieldType.TEXT:
            yield (field.name,), field.field_class, field.pattern is None
    inner = {"labor_line": ("labor_lines", 0), "part_line": ("labor_lines", 0, "part_lines", 0)}
    for shape, fields in contract.shapes.items():
        for field in fields.values():
            if field.type is FieldType.TEXT:
                yield (*inner[shape], field.name), field.field_class, field.pattern is None


def placed(contract: Contract, number: int, path, text: str) -> dict[str, Any]:
    """A record with little else in it than ``text`` at ``path``."""
    lines = {"labor_lines": [{"line_number": 1, "part_lines": [{"line_number": 1}]}]}
    record = RECORDS[contract.name](number, **(lines if contract.shapes else {}))
    for name in list(record):
        field = contract.fields[name]
        if not field.required and name not in contract.event_id:
            del record[name]
        elif field.field_class is FieldClass.SEMANTIC:
            record[name] = "none"
    target: Any = record
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = text
    return record


def taken(world: World, tenant: str, contract: str, records: list[Any]) -> dict[int, str | None]:
    """Submit, dropping what is refused; the receipt id of each index, or ``None``."""
    left = dict(enumerate(records))
    refused: set[int] = set()
    while left:
        try:
            # A line more makes NDJSON of a single record too, so that every pointer has an index.
            body = b"\n".join(orjson.dumps(record) for record in left.values())
            answer = world.submit(
                tenant=tenant, contract=contract, body=body, media_type="application/x-ndjson"
            )
        except (RecordsRefused, BodyUnreadable, PayloadDiffers) as error:
            keys = list(left)
            for item in error.items:
                index = keys[int(item.pointer.split("/")[1])]
                refused.add(index)
                left.pop(index, None)
            continue
        ids = [record["receipt_id"] for record in orjson.loads(answer.body)["records"]]
        return {**dict(zip(left, ids, strict=True)), **dict.fromkeys(refused)}
    return dict.fromkeys(refused)


@pytest.mark.parametrize("name", shipped())
def test_every_naughty_string_in_every_text_field_is_kept_exactly_or_refused(
    land: World, tenant: str, naughty: list[str], name: str
) -> None:
    """Vaulted text opens as it came and deterministic text is stored as it came.

    Of semantic text nothing changes but what a placeholder stands for.
    """
    contract = shipped()[name]
    tenant_id = land.tenants[tenant]
    cases = [
        (path, field_class, free, text)
        for path, field_class, free in text_fields(contract)
        for text in naughty
    ]
    records = [
        placed(contract, number, path, text)
        for number, (path, _, _, text) in enumerate(cases, start=1)
    ]
    kept: dict[str, tuple[tuple[str | int, ...], FieldClass, str]] = {}
    refusals: Counter[str] = Counter()
    for start in range(0, len(records), 1500):
        outcome = taken(land, tenant, name, records[start : start + 1500])
        for index, receipt_id in outcome.items():
            path, field_class, free, text = cases[start + index]
            if receipt_id is None:
                refusals[f"{field_class} {'free' if free else 'patterned'}"] += 1
            else:
                kept[receipt_id] = (path, field_class, text)
    assert len(kept) > sum(free for _, _, free, _ in cases) // 2

    with land.services.database(Login.DATA).transaction(land.producer(tenant)) as tx:
        keys = land.services.keyring.of(tx, tenant_id)
    with land.connect("ops_keys") as vault:
        vault.execute("SELECT set_config('ops.tenant', %s, false)", (tenant_id,))
        sealed = {
            receipt_id: orjson.loads(open_entry(keys, receipt_id, version, nonce, ciphertext))
            for receipt_id, version, nonce, ciphertext in vault.execute(
                "SELECT receipt_id, key_version, nonce, ciphertext FROM ops.pii_vault"
            )
        }
    stored = {
        receipt_id: (deterministic, semantic)
        for receipt_id, deterministic, semantic in land.rows(
            "SELECT receipt_id, deterministic, semantic FROM ops.record WHERE tenant_id = %s",
            tenant_id,
        )
    }
    differing: Counter[str] = Counter()
    for receipt_id, (path, field_class, text) in kept.items():
        deterministic, semantic = stored[receipt_id]
        if field_class is FieldClass.PII:
            exact = sealed[receipt_id][path[0]] == text
        elif field_class is FieldClass.DETERMINISTIC:
            found: Any = deterministic
            for step in path:
                found = found[step]
            exact = found == text
        else:
            found = semantic["".join(f"/{step}" for step in path)]
            exact = found == text or _only_placeholders(text, found)
        differing[str(field_class)] += not exact
    assert +differing == Counter()
    # Free text of each class takes nearly everything; what a pattern refuses, it refuses.
    assert refusals["semantic free"] < 0.05 * len(cases)


def _only_placeholders(text: str, redacted: str) -> bool:
    """Tell whether cutting the placeholders out of ``redacted`` leaves parts of ``text``."""
    position = 0
    for part in re.split(r"\[[A-Z_]+_[0-9a-z]{8}\]", redacted):
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return True


def test_no_refusal_of_a_naughty_string_repeats_it(
    land: World, tenant: str, naughty: list[str]
) -> None:
    with pytest.raises(RecordsRefused) as refused:
        land.submit(*({**an_order(1), "ro_status": text} for text in naughty), tenant=tenant)
    seen = told(refused.value)
    long = [text for text in naughty if len(text) > 12]
    assert not [index for index, text in enumerate(long) if text in seen]
    assert len({item.pointer for item in refused.value.items}) == len(naughty)


def test_nothing_naughty_reached_a_receipt_document(land: World) -> None:
    """Every line of every document is canonical JSON, whatever event ids were made of."""
    for name in land.blobs.names(CONTAINER):
        for line in land.blobs.get(CONTAINER, name).splitlines():
            orjson.loads(line)
