"""host.json: the settings this host honours, with the real host's defaults."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.host.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_OVERRIDE = "AzureFunctionsJobHost__"
_UNBOUNDED = -1.0
_MAX_BATCH = 32
_SHORTEST_POLLING = 0.1


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """extensions.queues; times are seconds."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: float
    max_polling_interval: float
    base64: bool


@dataclass(frozen=True, slots=True)
class BlobOptions:
    """extensions.blobs; `parallelism` counts the blobs of all functions of an instance."""

    parallelism: int
    poison_threshold: int


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What the host reads from host.json; `function_timeout` None means unbounded."""

    route_prefix: str
    custom_headers: tuple[tuple[str, str], ...]
    function_timeout: float | None
    queues: QueueOptions
    blobs: BlobOptions


def read(path: Path, settings: Mapping[str, str]) -> HostOptions:
    """Read host.json, overridden by `AzureFunctionsJobHost__a__b` settings.

    Names match in any case, as .NET configuration does.
    """
    try:
        document = _lowered(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing: is --app-dir a function app?") from None
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if document.get("version") != "2.0":
        raise SettingsError(f'{path}: "version" must be "2.0"')
    for name, value in settings.items():
        if name.startswith(_OVERRIDE):
            _override(document, name.removeprefix(_OVERRIDE).lower().split("__"), value)
    extensions = document.get("extensions", {})
    http = extensions.get("http", {})
    return HostOptions(
        route_prefix=str(http.get("routeprefix", "api")).strip("/"),
        custom_headers=tuple(
            (str(name), str(value)) for name, value in http.get("customheaders", {}).items()
        ),
        function_timeout=_timeout(document.get("functiontimeout", "00:30:00")),
        queues=_queues(extensions.get("queues", {}), settings),
        blobs=_blobs(extensions.get("blobs", {})),
    )


def time_span(text: str) -> float:
    """Seconds of a .NET time span: `[d.]hh:mm:ss[.f]`."""
    days, dot, clock = text.strip().partition(".")
    if not dot or ":" in days:
        days, clock = "0", text.strip()
    try:
        hours, minutes, seconds = clock.split(":")
        return timedelta(
            days=int(days), hours=int(hours), minutes=int(minutes), seconds=float(seconds)
        ).total_seconds()
    except ValueError:
        raise SettingsError(f"{text!r} is not a time span such as 00:05:00") from None


def _timeout(value: object) -> float | None:
    """Seconds; -1 means no limit and less than one second is refused."""
    text = str(value)
    seconds = _UNBOUNDED if text in {"-1", "-00:00:01"} else time_span(text)
    if seconds == _UNBOUNDED:
        return None
    if seconds < 1:
        raise SettingsError(f"functionTimeout {text} is below one second")
    return seconds


def _queues(section: Mapping[str, Any], settings: Mapping[str, str]) -> QueueOptions:
    batch = int(section.get("batchsize", 16))
    if not 1 <= batch <= _MAX_BATCH:
        raise SettingsError("extensions.queues.batchSize must be 1 to 32")
    dynamic = settings.get("WEBSITE_SKU", "").lower() == "dynamic"
    processors = 1 if dynamic else (os.cpu_count() or 1)
    development = settings.get("AZURE_FUNCTIONS_ENVIRONMENT", "").lower() == "development"
    interval = section.get("maxpollinginterval", "00:00:02" if development else "00:01:00")
    encoding = str(section.get("messageencoding", "base64")).lower()
    if encoding not in {"base64", "none"}:
        raise SettingsError('extensions.queues.messageEncoding must be "base64" or "none"')
    longest = time_span(str(interval))
    if longest < _SHORTEST_POLLING:
        raise SettingsError("extensions.queues.maxPollingInterval must be at least 100 ms")
    return QueueOptions(
        batch_size=batch,
        new_batch_threshold=int(section.get("newbatchthreshold", batch // 2 * processors)),
        max_dequeue_count=int(section.get("maxdequeuecount", 5)),
        visibility_timeout=time_span(str(section.get("visibilitytimeout", "00:00:00"))),
        max_polling_interval=longest,
        base64=encoding == "base64",
    )


def _blobs(section: Mapping[str, Any]) -> BlobOptions:
    parallelism = int(section.get("maxdegreeofparallelism", 8 * (os.cpu_count() or 1)))
    if parallelism < 1:
        raise SettingsError("extensions.blobs.maxDegreeOfParallelism must be at least 1")
    return BlobOptions(parallelism, int(section.get("poisonblobthreshold", 5)))


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.lower(): _lowered(inner) for name, inner in value.items()}
    return value


def _override(document: dict[str, Any], path: list[str], value: str) -> None:
    *sections, name = path
    node = document
    for section in sections:
        node = node.setdefault(section, {})
        if not isinstance(node, dict):
            raise SettingsError(f"host.json: {section!r} is not a section")
    node[name] = value
