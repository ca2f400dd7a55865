"""Message decoding and trigger metadata (functions-host 3.1)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from azure.storage.queue import QueueMessage

from local.host.messages import NotBase64Error, decode, deliver
from local.host.queues import poison_name


def _deliver(body: bytes, *, binary=False):
    message = QueueMessage(content=None)
    message.id, message.pop_receipt, message.dequeue_count = "id-1", "receipt", 2
    message.inserted_on = message.expires_on = message.next_visible_on = datetime(
        2026, 11, 20, tzinfo=UTC
    )
    return deliver(message, body, binary=binary)


def _fields(body: bytes) -> dict[str, str]:
    return {name: getattr(data, data.kind) for name, data in _deliver(body).metadata.items()}


def test_base64_text_is_decoded_and_other_text_refused():
    # functions-host 3.1: messageEncoding base64
    assert decode(base64.b64encode(b"hi").decode(), base64_encoded=True) == b"hi"
    assert decode(" aGk=\n", base64_encoded=True) == b"hi"
    for text in ("hi", "aGk", "aG k!=", '{"a": 1}'):
        with pytest.raises(NotBase64Error):
            decode(text, base64_encoded=True)
    assert decode("plain", base64_encoded=False) == b"plain"


def test_metadata_names_are_the_engines():
    assert _fields(b"x") == {
        "Id": "id-1",
        "PopReceipt": "receipt",
        "DequeueCount": "2",
        "InsertionTime": '"2026-11-20T00:00:00+00:00"',
        "ExpirationTime": '"2026-11-20T00:00:00+00:00"',
        "NextVisibleTime": '"2026-11-20T00:00:00+00:00"',
        "QueueTrigger": "x",
    }


def test_json_payload_overrides_metadata_in_any_case():
    # functions-host 3.1: every top-level property that is no array and not null
    fields = _fields(b'{"ID": 7, "dequeuecount": "many", "popReceipt": {"a": 1}, "other": 1}')
    assert fields["Id"] == "7"
    assert fields["DequeueCount"] == "many"
    assert fields["PopReceipt"] == '{"a": 1}'
    assert "other" not in fields


@pytest.mark.parametrize(
    "payload", [b'{"id": null}', b'{"id": [1]}', b'["id"]', b'{"id": 1', b'{"v": {"id": 1}}']
)
def test_payload_that_overrides_nothing(payload):
    # functions-host 3.1: hence the envelope under one key
    assert _fields(payload)["Id"] == "id-1"


def test_bytes_that_are_no_text_fail_before_the_function():
    # functions-host 3.1: string conversion fails
    with pytest.raises(UnicodeDecodeError):
        _deliver(b"\xff\xfe")
    delivery = _deliver(b"\xff\xfe", binary=True)
    assert delivery.data.bytes == b"\xff\xfe"
    assert "QueueTrigger" not in delivery.metadata


def test_poison_queue_has_no_poison_queue_and_neither_has_a_long_name():
    # functions-host 3.1
    assert poison_name("work") == "work-poison"
    assert poison_name("work-poison") is None
    assert poison_name("q" * 56) == "q" * 56 + "-poison"
    assert poison_name("q" * 57) is None
