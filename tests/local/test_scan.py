"""The privacy scan finds what is planted, on every surface, in every form; nothing by chance."""

from __future__ import annotations

import base64
import gzip
import json
import random
import string
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

import psycopg
import pytest
from azure.data.tables import TableClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from local.samples import orders, planted_kinds
from local.scan import (
    Matcher,
    PlantedTooShortError,
    Report,
    scan_database,
    scan_files,
    scan_storage,
)

PLANTED = {
    "full name": "Wilhelmine O'Quästenflosser",
    "last name": "O'Quästenflosser",
    "phone": "(206) 555-0143",
    "email": "w.quastenflosser@mail.example",
    "street": "4711 Nebelhorn Lane",
    "vin": "1M8GDM9AXKP042788",
    "plate": "QZX 4711",
}
FORMS = {
    "plain": lambda value: value.encode(),
    "upper case": lambda value: value.upper().encode(),
    "without blanks and punctuation": lambda value: "".join(filter(str.isalnum, value)).encode(),
    "hex": lambda value: value.encode().hex().encode(),
    "hex after an odd digit": lambda value: b"0" + value.encode().hex().upper().encode(),
    "percent": lambda value: quote(value, safe="").encode(),
    "percent, every byte": lambda value: "".join(f"%{b:02x}" for b in value.encode()).encode(),
    "JSON": lambda value: json.dumps(value).encode(),
    "JSON, every unit": lambda value: "".join(f"\\u{ord(c):04x}" for c in value).encode(),
    "bytes": lambda value: "".join(f"\\x{b:02x}" for b in value.encode()).encode(),
    "HTML": lambda value: "".join(f"&#{ord(c)};" for c in value).encode(),
    "gzip": lambda value: gzip.compress(value.encode()),
    **{
        f"Base64 after {before} bytes": lambda value, before=before: base64.b64encode(
            b"." * before + value.encode() + b". and more"
        )
        for before in range(3)
    },
    "Base64 for addresses": lambda value: base64.urlsafe_b64encode(b"\xff\xfe." + value.encode()),
    "Base64 in lines": lambda value: base64.encodebytes(b"." * 45 + value.encode() + b"." * 45),
    "Base64 of JSON": lambda value: base64.b64encode(json.dumps({"a": value}).encode()),
    "hex of Base64": lambda value: base64.b64encode(value.encode() + b" .").hex().encode(),
}


@pytest.fixture
def matcher():
    return Matcher(PLANTED.items())


@pytest.fixture
def report(matcher):
    return Report(matcher)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", PLANTED)
def test_every_kind_is_found_in_every_form(matcher, kind, form):
    found = matcher.find(b"before, " + FORMS[form](PLANTED[kind]) + b" after") or matcher.find(
        FORMS[form](PLANTED[kind])
    )
    assert kind in {found_kind for found_kind, _ in found}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("last name", "OQuaestenflossers Wagen"),
        ("last name", "o quastenflosser"),
        ("last name", "MsO\u2019Qua\u0308stenflosser's"),
        ("phone", "+1 206 555 0143"),
        ("phone", "0012065550143"),
        ("phone", "tel2065550143"),
        ("phone", "1-206.555.0143"),
        ("vin", "1m8 gdm9 axkp 042788"),
        ("vin", "*1M8GDM9AX-KP042788*"),
        ("plate", "qzx4711"),
        ("email", "mailto:W.QUASTENFLOSSER@MAIL.EXAMPLE"),
        ("street", "4711  NEBELHORN\nLANE"),
    ],
)
def test_what_people_make_of_a_value_is_found(matcher, kind, text):
    assert kind in {found for found, _ in matcher.find(f"so {text} it was".encode())}


@pytest.mark.parametrize(
    "text",
    [
        "12065550143000",
        "2026-11-20 12:06:55.50143",
        "4711 Nebelhornstrasse Lane",
        "part QZX 47110, AQZX 4711",
        "ab0c2065550143deadbeef0123456789",
        "Quastenbinder, Flosser",
        "206 [1] 555 [2] 0143",
    ],
)
def test_what_only_looks_alike_is_not_found(matcher, text):
    assert not matcher.find(text.encode())


def test_chance_finds_nothing():
    """Two million random bytes, raw and written as digests, ids and tokens are."""
    draw = random.Random(1)
    matcher = Matcher(item for order in orders(500) for item in planted_kinds(order).items())
    noise = draw.randbytes(500_000)
    digits = "".join(draw.choices("0123456789", k=500_000)).encode()
    ids = " ".join(
        "".join(draw.choices(string.digits + string.ascii_lowercase, k=26)) for _ in range(20_000)
    )
    uuids = " ".join(str(uuid.UUID(bytes=draw.randbytes(16))) for _ in range(10_000))
    for data in (noise, noise.hex().encode(), base64.b64encode(noise), digits, ids.encode()):
        assert not matcher.find(data)
    assert not matcher.find(uuids.encode())


def test_a_value_is_found_wherever_it_stands_in_long_data(matcher):
    value = PLANTED["vin"].encode()
    for at in ((1 << 20) - 9, (1 << 20) + 4090, 2_500_000):
        data = b"-" * at + value + b"-" * 1000
        assert sum(matcher.find(data).values()) >= 1


def test_too_little_to_look_for_is_refused_without_naming_it():
    with pytest.raises(PlantedTooShortError) as refused:
        Matcher([("last name", "Lee")])
    assert "Lee" not in str(refused.value)


# --- surfaces


def kinds(report, surface):
    return {finding.kind for finding in report.findings if finding.surface == surface}


@pytest.mark.parametrize("form", ["plain", "hex", "Base64 after 1 bytes", "percent"])
def test_every_table_of_a_database_is_read(stack, database, report, form):
    written = {kind: FORMS[form](value).decode() for kind, value in PLANTED.items()}
    url = stack.admin_url(database)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (
            "CREATE SCHEMA elsewhere",
            'CREATE TABLE elsewhere."Odd ""name" ("a b" text)',
            "CREATE TABLE public.lists (items text[], document jsonb, raw bytea, raws bytea[])",
            "CREATE TABLE public.parts (month int, note text) PARTITION BY RANGE (month)",
            "CREATE TABLE public.part_one PARTITION OF public.parts DEFAULT",
        ):
            connection.execute(statement)
        connection.execute(
            'INSERT INTO elsewhere."Odd ""name" VALUES (%s)', (written["full name"],)
        )
        connection.execute(
            "INSERT INTO public.lists VALUES (%s, %s, %s, %s)",
            (
                [written["phone"]],
                json.dumps({"at": {"deep": written["email"]}}),
                b"\x00\xff" + written["street"].encode() + b"\xfe",
                [written["vin"].encode()],
            ),
        )
        connection.execute("INSERT INTO public.parts VALUES (1, %s)", (written["plate"],))
        connection.execute(
            "INSERT INTO ops.pii_vault VALUES ('tnt', 'r', 1, %s, %s, now())",
            (bytes(12), written["last name"].encode()),
        )
        scan_database(report, url)
    assert kinds(report, "table") == set(PLANTED)
    places = {finding.place for finding in report.findings}
    assert "ops.pii_vault.ciphertext" in places
    assert "public.part_one.note" in places


def test_comments_and_running_statements_are_read(stack, database, report):
    url = stack.admin_url(database)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("COMMENT ON TABLE ops.record IS 'seen: 1M8GDM9AXKP042788'")
        connection.execute("SELECT 'QZX 4711'")
        scan_database(report, url)
    places = {finding.place for finding in report.findings}
    assert {"pg_catalog.pg_description.description", "pg_catalog.pg_stat_activity.query"} <= places


@pytest.mark.parametrize("form", ["plain", "hex", "Base64 after 1 bytes", "percent", "gzip"])
def test_everything_in_a_storage_account_is_read(storage, report, form):
    written = {kind: FORMS[form](value) for kind, value in PLANTED.items()}
    text = {kind: value.decode("latin-1") for kind, value in written.items()}
    with BlobServiceClient.from_connection_string(storage) as blobs:
        container = blobs.create_container("things")
        container.upload_blob("a/b", written["full name"])
        container.upload_blob(
            f"named {PLANTED['vin']}", b"", metadata={"note": quote(PLANTED["email"])}
        )
    with QueueClient.from_connection_string(storage, "hints") as queue:
        queue.create_queue()
        queue.send_message(base64.b64encode(written["phone"]).decode())
        queue.send_message(PLANTED["plate"])
    with TableClient.from_connection_string(storage, "flags") as flags:
        flags.create_table()
        flags.create_entity(
            {
                "PartitionKey": "p",
                "RowKey": "r",
                "raw": written["street"],
                "when": datetime.now(UTC),
            }
        )
        last_name = PLANTED["last name"] if form == "gzip" else text["last name"]
        flags.create_entity({"PartitionKey": "p", "RowKey": "s", "note": last_name})
    scan_storage(report, storage)
    assert kinds(report, "blob") >= {"full name", "vin", "email"}
    assert kinds(report, "queue message") == {"phone", "plate"}
    assert kinds(report, "table entity") == {"street", "last name"}


def test_messages_that_cannot_be_peeked_at_are_told(storage, report):
    with QueueClient.from_connection_string(storage, "many") as queue:
        queue.create_queue()
        for number in range(40):
            queue.send_message(str(number))
    scan_storage(report, storage)
    assert report.unread == ["queue many: 8 messages"]
    assert not report.clean


@pytest.mark.parametrize("form", FORMS)
def test_logs_and_files_are_read_but_for_the_keys(tmp_path, report, form):
    (tmp_path / "keys").mkdir()
    (tmp_path / "deep").mkdir()
    (tmp_path / "keys" / "k").write_bytes(FORMS[form](PLANTED["vin"]))
    (tmp_path / "deep" / "cache.bin").write_bytes(FORMS[form](PLANTED["plate"]))
    log = tmp_path / "host.log"
    log.write_bytes(FORMS[form](PLANTED["phone"]))
    scan_files(report, "log", [log])
    scan_files(report, "file", [tmp_path], leave_out=[tmp_path / "keys", log])
    assert kinds(report, "log") == {"phone"}
    assert kinds(report, "file") == {"plate"}


def test_a_finding_never_names_the_value(report):
    report.look("log", "host.log", "\n".join(PLANTED.values()).encode())
    told = " ".join(map(str, report.findings)) + repr(report.findings) + repr(report.matcher)
    assert report.findings
    assert not any(value in told for value in PLANTED.values())


def test_nothing_planted_is_clean(stack, database, storage, report):
    scan_database(report, stack.admin_url(database))
    scan_storage(report, storage)
    assert report.clean
    assert report.looked["table"] > 0
