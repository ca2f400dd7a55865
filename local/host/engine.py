"""The official execution engine (azure-functions-runtime) behind five small operations.

Everything that knows the engine's package, its module globals or its protobuf messages is in this
file. The engine keeps its registry and thread pool in module globals: one app per process.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import azure_functions_runtime as runtime

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path


class Message:
    """Any protobuf message: the fields it was made with; every other field reads as None.

    The engine probes for optional message types (`TypedData`) with getattr, so a name that starts
    with a capital must raise AttributeError as a real protobuf class would.
    """

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        if name[:1].isupper() or name.startswith("__"):
            raise AttributeError(name)
        return None

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 -- protobuf's spelling
        """The name of the one field that is set."""
        return next(iter(self.__dict__), None)


class _StatusResult(Message):
    Failure, Success, Cancelled = 0, 1, 2


class _BindingInfo(Message):
    inout, out, undefined = 2, 1, 0


class _Cookie(Message):
    SameSite = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


class _Protos:
    """What the engine looks up in the protobuf module it is given."""

    StatusResult = _StatusResult
    BindingInfo = _BindingInfo
    RpcHttpCookie = _Cookie

    def __getattr__(self, name: str) -> type[Message]:
        if name == "TypedData" or name.startswith(_MESSAGES):
            return Message
        raise AttributeError(name)


_MESSAGES = (
    "Function",
    "Invocation",
    "Nullable",
    "ParameterBinding",
    "Rpc",
    "Timestamp",
    "Worker",
)


class EngineError(Exception):
    """The engine refused the app; the message is the engine's own."""

    def __init__(self, message: str, stack: str = "") -> None:
        super().__init__(message)
        self.stack = stack


@dataclass(frozen=True, slots=True)
class Retry:
    """A function's retry policy as the engine reports it."""

    strategy: str
    limit: int
    delay: timedelta | None
    minimum: timedelta | None
    maximum: timedelta | None


@dataclass(frozen=True, slots=True)
class Indexed:
    """One function as the engine indexed it; `bindings` is the parsed raw JSON."""

    id: str
    name: str
    bindings: tuple[dict[str, Any], ...]
    retry: Retry | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation came to; `value` is the returned TypedData, None if nothing returned."""

    ok: bool
    value: Message | None = None
    error: str = ""
    stack: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which try this is and why the last one failed, for `context.retry_context`."""

    count: int = 0
    limit: int = 0
    error: str = ""


class Data:
    """A TypedData with one field, without the cost of a dictionary walk."""

    __slots__ = ("bytes", "http", "json", "kind", "string")

    def __init__(self, kind: str, value: object) -> None:
        self.kind = kind
        setattr(self, kind, value)

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 -- protobuf's spelling
        return self.kind


class _Parameter:
    __slots__ = ("data", "name")

    def __init__(self, name: str, data: Data) -> None:
        self.name = name
        self.data = data

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 -- protobuf's spelling
        return "data"


def text(value: str) -> Data:
    return Data("string", value)


def binary(value: bytes) -> Data:
    return Data("bytes", value)


def as_json(value: object) -> Data:
    return Data("json", json.dumps(value))


def http(  # noqa: PLR0913 -- the fields of RpcHttp
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    params: Mapping[str, str],
    body: bytes,
) -> Data:
    request = SimpleNamespace(
        method=method,
        url=url,
        headers=headers,
        query=query,
        params=params,
        body=Data("bytes", body),
    )
    return Data("http", request)


_FIRST_TRY = SimpleNamespace(retry_count=0, max_retry_count=0, exception=None)


class Engine:
    """The app of one directory, indexed and ready to be invoked."""

    def __init__(self) -> None:
        # The engine logs every invocation at INFO; its warnings and errors still come through.
        logging.getLogger("azure.functions").setLevel(logging.WARNING)

    async def start(self, app_dir: Path) -> list[Indexed]:
        """Import and index the app; raises EngineError with the engine's own message."""
        directory = str(app_dir)
        if directory not in sys.path:
            sys.path.insert(0, directory)
        runtime.start_threadpool_executor()
        init = SimpleNamespace(capabilities={}, function_app_directory=directory)
        request = SimpleNamespace(
            properties={"protos": _Protos(), "host": "127.0.0.1"},
            request=SimpleNamespace(worker_init_request=init),
        )
        response = await runtime.worker_init_request(request)
        _check(response.result)
        if "HttpUri" in response.capabilities:
            raise EngineError(
                "HTTP streams (azurefunctions-extensions-http-fastapi) need func start"
            )
        response = await runtime.functions_metadata_request(request)
        _check(response.result)
        if response.function_metadata_results is None:
            raise EngineError("no functions were found: is function_app.py in the app directory?")
        functions = [_indexed(found) for found in response.function_metadata_results]
        for function in functions:
            load = SimpleNamespace(function_id=function.id, metadata=None)
            request.request = SimpleNamespace(function_load_request=load)
            _check((await runtime.function_load_request(request)).result)
        return functions

    async def invoke(  # noqa: PLR0913 -- the fields of InvocationRequest
        self,
        invocation_id: str,
        function_id: str,
        argument: str,
        data: Data,
        *,
        metadata: Mapping[str, Data] | None = None,
        traceparent: str = "",
        attempt: Attempt | None = None,
    ) -> Outcome:
        """Run one function; a failure is an Outcome, never an exception."""
        retry = _FIRST_TRY
        if attempt is not None and attempt.count:
            retry = SimpleNamespace(
                retry_count=attempt.count,
                max_retry_count=attempt.limit,
                exception=SimpleNamespace(source="", stack_trace="", message=attempt.error),
            )
        invocation = SimpleNamespace(
            invocation_id=invocation_id,
            function_id=function_id,
            input_data=(_Parameter(argument, data),),
            trigger_metadata=metadata,
            trace_context=SimpleNamespace(trace_parent=traceparent, trace_state="", attributes={}),
            retry_context=retry,
        )
        request = SimpleNamespace(request=SimpleNamespace(invocation_request=invocation))
        response = await runtime.invocation_request(request)
        result = response.result
        if result.status == _StatusResult.Success:
            return Outcome(ok=True, value=response.return_value)
        return Outcome(ok=False, error=result.exception.message, stack=result.exception.stack_trace)

    def stop(self) -> None:
        """Wait for running sync functions and end the engine's threads."""
        runtime.stop_threadpool_executor()


def _check(result: Message) -> None:
    if result.__dict__.get("status") != _StatusResult.Success:
        failure = result.__dict__["exception"]
        raise EngineError(failure.message, failure.stack_trace)


def _indexed(found: Message) -> Indexed:
    retry = None
    if (options := found.retry_options) is not None:
        retry = Retry(
            strategy=options.retry_strategy,
            limit=options.max_retry_count,
            delay=options.delay_interval,
            minimum=options.minimum_interval,
            maximum=options.maximum_interval,
        )
    return Indexed(
        id=found.function_id,
        name=found.name,
        bindings=tuple(json.loads(raw) for raw in found.raw_bindings),
        retry=retry,
    )
