"""Functions and their triggers, as the host understands what the engine indexed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from local.host.blob_paths import BlobPath, BlobPathError
from local.host.engine import EngineError, Indexed, Retry

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from local.host.settings import Settings

_SCAN = "LogsAndContainerScan"
METHODS = ("GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS")


@dataclass(frozen=True, slots=True)
class HTTPTrigger:
    """`level` is ANONYMOUS, FUNCTION or ADMIN."""

    route: str
    methods: tuple[str, ...]
    level: str


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """`connection` is the name of a setting; `binary` says the function wants bytes."""

    queue: str
    connection: str
    binary: bool


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """`schedule` has its app settings resolved."""

    schedule: str
    run_on_startup: bool
    use_monitor: bool
    retry: Retry | None


@dataclass(frozen=True, slots=True)
class BlobTrigger:
    """`connection` is the name of a setting."""

    path: BlobPath
    connection: str


type Trigger = HTTPTrigger | QueueTrigger | TimerTrigger | BlobTrigger


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app; `argument` is the parameter that receives the trigger's data."""

    id: str
    name: str
    argument: str
    trigger: Trigger
    disabled: bool

    def describe(self, prefix: str) -> dict[str, str]:
        """What the listing at start-up shows: name, trigger and what it listens to."""
        match self.trigger:
            case HTTPTrigger(route, methods, level):
                path = "/".join(part for part in (prefix, route) if part)
                kind, detail = "http", f"[{','.join(methods)}] /{path} ({level.lower()})"
            case QueueTrigger(queue, connection, _):
                kind, detail = "queue", f"{queue} ({connection})"
            case TimerTrigger(schedule=schedule):
                kind, detail = "timer", schedule
            case BlobTrigger(path, connection):
                kind, detail = "blob", f"{path.container} ({connection})"
            case unknown:
                assert_never(unknown)
        return {
            "name": self.name,
            "trigger": kind,
            "detail": detail + (" disabled" if self.disabled else ""),
        }


def function(indexed: Indexed, settings: Settings) -> Function:
    """Read one indexed function; raises EngineError for a binding this host does not offer."""
    trigger: Trigger | None = None
    argument = ""
    for binding in indexed.bindings:
        kind = str(binding["type"])
        if str(binding.get("direction", "")).upper() == "IN" and kind in _READERS:
            argument = binding["name"]
            trigger = _READERS[kind](indexed, binding, settings)
        elif kind != "http" or binding["name"] != "$return":
            raise EngineError(
                f"function {indexed.name}: binding {binding['name']!r} of type {kind!r} is not "
                "offered by the local host (it has http, queue, timer and blob triggers); use func "
                "start"
            )
    if trigger is None:
        raise EngineError(f"function {indexed.name} has no trigger")
    return Function(
        id=indexed.id,
        name=indexed.name,
        argument=argument,
        trigger=trigger,
        disabled=settings.is_disabled(indexed.name),
    )


def _http(indexed: Indexed, binding: dict[str, Any], _settings: Settings) -> HTTPTrigger:
    methods = tuple(str(method).upper() for method in binding.get("methods") or METHODS)
    return HTTPTrigger(
        route=str(binding.get("route") or indexed.name).strip("/"),
        methods=methods,
        level=str(binding.get("authLevel") or "FUNCTION").upper(),
    )


def _queue(_indexed: Indexed, binding: dict[str, Any], settings: Settings) -> QueueTrigger:
    return QueueTrigger(
        queue=settings.resolve(str(binding["queueName"])).lower(),
        connection=str(binding.get("connection") or "AzureWebJobsStorage"),
        binary=str(binding.get("dataType", "")).upper() == "BINARY",
    )


def _timer(indexed: Indexed, binding: dict[str, Any], settings: Settings) -> TimerTrigger:
    return TimerTrigger(
        schedule=settings.resolve(str(binding["schedule"])),
        run_on_startup=bool(binding.get("runOnStartup", False)),
        use_monitor=bool(binding.get("useMonitor", True)),
        retry=indexed.retry,
    )


def _blob(indexed: Indexed, binding: dict[str, Any], settings: Settings) -> BlobTrigger:
    if str(binding.get("source") or _SCAN).lower() != _SCAN.lower():
        raise EngineError(
            f"function {indexed.name}: a blob trigger fed by Event Grid is not offered by the "
            f"local host; use the source {_SCAN}"
        )
    try:
        path = BlobPath.parse(settings.resolve(str(binding.get("path", ""))))
    except BlobPathError as error:
        raise EngineError(f"function {indexed.name}: path: {error}") from error
    return BlobTrigger(path, str(binding.get("connection") or "AzureWebJobsStorage"))


type _Reader = Callable[[Indexed, dict[str, Any], Settings], Trigger]
_READERS: dict[str, _Reader] = {
    "httpTrigger": _http,
    "queueTrigger": _queue,
    "timerTrigger": _timer,
    "blobTrigger": _blob,
}
