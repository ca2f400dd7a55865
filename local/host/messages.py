"""What a queue function receives for a message: its data and its trigger metadata."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.host import engine

if TYPE_CHECKING:
    from datetime import datetime

    from azure.storage.queue import QueueMessage

_METADATA = (
    "Id",
    "DequeueCount",
    "ExpirationTime",
    "InsertionTime",
    "NextVisibleTime",
    "PopReceipt",
)


class NotBase64Error(ValueError):
    """The queue's encoding is base64 and this message's text is something else."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the engine is invoked with."""

    data: engine.Data
    metadata: dict[str, engine.Data]


def decode(text: str, *, base64_encoded: bool) -> bytes:
    """The message's bytes; raises NotBase64Error. White space is allowed, as in .NET."""
    if not base64_encoded:
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotBase64Error(str(error)) from error


def deliver(message: QueueMessage, body: bytes, *, binary: bool) -> Delivery:
    """Data and metadata for one message; raises UnicodeDecodeError when text was asked for.

    The host copies each top-level property of a JSON object over the metadata of the same name, in
    any case, so a payload with an `id` replaces the message's own.
    """
    metadata = {
        "Id": engine.text(message.id),
        "DequeueCount": engine.as_json(message.dequeue_count),
        "ExpirationTime": _time(message.expires_on),
        "InsertionTime": _time(message.inserted_on),
        "NextVisibleTime": _time(message.next_visible_on),
        "PopReceipt": engine.text(message.pop_receipt or ""),
    }
    if binary:
        return Delivery(engine.binary(body), metadata)
    text = body.decode("utf-8")
    metadata["QueueTrigger"] = engine.text(text)
    metadata.update(_overrides(text))
    return Delivery(engine.text(text), metadata)


def _time(moment: datetime | None) -> engine.Data:
    return engine.as_json(moment.isoformat() if moment is not None else None)


def _overrides(text: str) -> dict[str, engine.Data]:
    """The metadata that a JSON object replaces: its properties that are not null or an array."""
    if not text.strip().startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    found = {}
    for key, given in value.items():
        name = _NAMES.get(key.lower())
        if name is None or given is None or isinstance(given, list):
            continue
        # .NET turns every scalar into text; an object stays JSON.
        scalar = given if isinstance(given, str) else str(given)
        found[name] = engine.as_json(given) if isinstance(given, dict) else engine.text(scalar)
    return found


_NAMES = {name.lower(): name for name in (*_METADATA, "QueueTrigger")}
