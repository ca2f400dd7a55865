"""Structured log lines that cannot hold what they must not.

A line is an event name and declared fields. Every field has a shape in `FIELDS`; a field that is
not declared, or a value that does not fit its shape, is written as ``"[unfit]"`` and nothing of
it is kept. So a name, a narrative or a token has no way in: not by habit, by construction
(000-R19, 000-R20, 001-R7). Errors are logged as type, code and place, never as message, because
drivers put values into messages. `quieten_libraries` gives foreign loggers the same rule.
"""

from __future__ import annotations

import logging
import re
import traceback
from typing import Any

import orjson

from shared.kernel.errors import OpsError

ROOT = "opsplane"
UNFIT = "[unfit]"

_CODE = re.compile(r"[a-z][a-z0-9_]{0,40}([.:][a-z0-9_]{1,60}){0,4}")
_ID = re.compile(r"[a-z]{3,4}_[0-9a-z]{26}")
_HEX = re.compile(r"[0-9a-f]{32,64}")
_CONTRACT = re.compile(r"[a-z][a-z0-9-]{0,60}\.v[0-9]{1,4}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,80}")
_PLACE = re.compile(r"[A-Za-z0-9_./<>]{1,120}:\d{1,6}")
_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

FIELDS: dict[str, re.Pattern[str] | type] = {
    "attempts": int,
    "bytes": int,
    "call_id": _ID,
    "code": _CODE,
    "contract": _CONTRACT,
    "count": int,
    "duplicates": int,
    "error": _NAME,
    "function": _NAME,
    "level": _NAME,
    "library": _NAME,
    "lag_seconds": float,
    "milliseconds": float,
    "place": _PLACE,
    "records": int,
    "request_id": _ID,
    "setting": _NAME,
    "status": int,
    "tenant_id": _ID,
    "traceparent": _TRACE,
    "digest": _HEX,
    "admitted": int,
    "stream": _NAME,
    "number": int,
}
"""Every field that a line may hold, and the shape its value must have."""

_logger = logging.getLogger(ROOT)


def event(name: str, **fields: object) -> None:
    """Write one line at INFO; ``name`` is static, data goes into declared fields."""
    _write(logging.INFO, name, fields)


def trouble(name: str, error: BaseException | None = None, **fields: object) -> None:
    """Write one line at WARNING, with an error's type, code and place, never its message."""
    if error is not None:
        fields |= _describe(error)
    _write(logging.WARNING, name, fields)


def _write(level: int, name: str, fields: dict[str, object]) -> None:
    if not _logger.isEnabledFor(level):
        return
    line: dict[str, Any] = {"event": name if _CODE.fullmatch(name) else UNFIT}
    for key, value in fields.items():
        if key not in FIELDS:
            line["undeclared"] = UNFIT
        elif value is not None:
            line[key] = value if _fits(key, value) else UNFIT
    _logger.log(level, "%s", orjson.dumps(line).decode())


def _fits(key: str, value: object) -> bool:
    shape = FIELDS.get(key)
    if shape is None:
        return False
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) if shape is float else isinstance(value, shape)


def _describe(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)
    described: dict[str, object] = {"error": type(error).__name__}
    if isinstance(error, OpsError):
        described["code"] = error.code
    if frames:
        last = frames[-1]
        described["place"] = f"{'/'.join(last.filename.split('/')[-2:])}:{last.lineno}"
    return described


def quieten_libraries() -> None:
    """Give every foreign log record the same rule: its name and level stay, its text goes.

    Drivers and SDKs write queries, URLs and headers into their messages. The official engine's
    own records (``azure_functions…``) hold function names only and pass.
    """
    previous = logging.getLogRecordFactory()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = previous(*args, **kwargs)
        if not record.name.startswith((ROOT, "azure_functions", "azure.functions")):
            record.msg = "a library wrote a line; its text is not kept"
            record.args = ()
            record.exc_info = None
            record.exc_text = None
            record.stack_info = None
        return record

    if not getattr(previous, "opsplane_quiet", False):
        make.opsplane_quiet = True  # type: ignore[attr-defined]
        logging.setLogRecordFactory(make)
