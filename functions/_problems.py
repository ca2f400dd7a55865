"""Error shapes into statuses and RFC 9457 problems: the only module that knows status numbers."""

from __future__ import annotations

import orjson

from shared.kernel import errors
from shared.kernel.ids import CallId
from shared.kernel.inbound import PROBLEM, Reply

TYPE_BASE = "https://opsplane.example/problems/"
"""Problem types are names, not addresses that anybody must be able to open (RFC 9457, 3.1.1)."""

STATUS: dict[type[errors.OpsError], int] = {
    errors.Unmeasured: 411,
    errors.Oversized: 413,
    errors.Unsupported: 415,
    errors.Malformed: 400,
    errors.Invalid: 422,
    errors.Unauthenticated: 401,
    errors.Denied: 403,
    errors.Missing: 404,
    errors.Conflict: 409,
    errors.Held: 423,
    errors.Unavailable: 503,
    errors.OpsError: 500,
}


def status_of(error: type[errors.OpsError]) -> int:
    """Return the status of an error class: that of its nearest shape."""
    return next(STATUS[shape] for shape in error.__mro__ if shape in STATUS)


def problem(error: errors.OpsError, call_id: CallId) -> Reply:
    """Return the problem document of an error: stable code, pointers, no values."""
    status = status_of(type(error))
    body: dict[str, object] = {
        "type": TYPE_BASE + error.code,
        "title": type(error).title,
        "status": status,
        "code": error.code,
        "call_id": call_id,
    }
    if error.message != type(error).title:
        body["detail"] = error.message
    if error.items:
        body["errors"] = [
            {"pointer": item.pointer, "code": item.code, "detail": item.message}
            for item in error.items
        ]
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="opsplane"'
    return Reply(orjson.dumps(body), status, PROBLEM, headers)


class Unexpected(errors.OpsError):
    """A defect of ours; the details are in the log under the call id."""

    code = "ops.unexpected"
    title = "Something went wrong on our side; quote the call id to the operators"
