"""Where transport ends and the product begins.

``http`` does, in this order and nowhere else: (1) correlation id; (2) authenticate; (3)
authorise; (4) size and length; (5) the service; (6) render, or the problem; (7) one log line.
``timer`` gives a system actor a call and logs what came of it. Catching ``Exception`` is allowed
here alone. An HTTP function without a permission cannot be written: ``needs`` has no default.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import azure.functions as func

from functions._problems import Unexpected, problem
from shared.bootstrap import Services, services
from shared.identity.authority import PermissionMissing, as_producer, demand
from shared.identity.verification import Audience
from shared.kernel import log
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.clock import SystemClock
from shared.kernel.errors import (
    Denied,
    OpsError,
    Oversized,
    Unauthenticated,
    Unavailable,
    Unmeasured,
)
from shared.kernel.ids import CallId, RandomIds, TenantId
from shared.kernel.inbound import Reply, Request
from shared.kernel.settings import SettingsInvalid

PUBLIC: Final = "public"
"""The permission of routes that anybody may call: health and the description of the interface."""
TENANT = "ops-tenant"

_TENANT_ID = re.compile(r"tnt_[0-9a-z]{26}")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_NOBODY = Actor(SourceType.SYSTEM, "nobody", AuthMode.TOKEN)
_SMALL_BODY = 65_536

type Handler = Callable[[Call, Request], Reply]
type Trigger = Callable[[func.HttpRequest], func.HttpResponse]


@dataclass(frozen=True, slots=True)
class Route:
    """What an HTTP function declares about itself; the reference page lists these."""

    function: str
    needs: str
    audience: Audience | None
    inside_tenant: bool
    summary: str


ROUTES: dict[str, Route] = {}


def http(
    *, needs: str, audience: Audience | None = None, inside_tenant: bool = False
) -> Callable[[Handler], Trigger]:
    """Make an HTTP trigger of a handler that takes a call and a request.

    ``needs`` is a permission, or `PUBLIC`. ``inside_tenant`` takes the tenant from the Ops-Tenant
    header; whether the caller may act there is for the service to say.
    """
    if needs != PUBLIC and audience is None:
        raise ValueError("a route that needs a permission names its audience")

    def wrap(handler: Handler) -> Trigger:
        name = handler.__name__
        summary = (handler.__doc__ or "").strip().partition("\n")[0]
        ROUTES[name] = Route(name, needs, audience, inside_tenant, summary)

        def trigger(req: func.HttpRequest) -> func.HttpResponse:
            return _serve(ROUTES[name], handler, req)

        # functools.wraps would set __wrapped__, which the engine follows to the inner signature.
        trigger.__name__ = name
        trigger.__qualname__ = handler.__qualname__
        trigger.__module__ = handler.__module__
        trigger.__doc__ = handler.__doc__
        return trigger

    return wrap


def _serve(route: Route, handler: Handler, req: func.HttpRequest) -> func.HttpResponse:
    started = time.monotonic()
    try:
        plane = services()
    except SettingsInvalid as error:
        return _misconfigured(error)
    headers = dict(req.headers)
    # (1)
    traced = headers.get("traceparent", "")
    call = plane.call(_NOBODY, traceparent=traced if _TRACEPARENT.fullmatch(traced) else "")
    telemetry = plane.ports.telemetry
    with telemetry.span("http.server.request", call.traceparent, function=route.function):
        try:
            call = _admit(plane, route, call, headers)
            request = _measured(plane, route, req, headers)
            # (5)
            reply = handler(call, request)
        except OpsError as error:
            _tally(plane, call, error)
            reply = problem(error, call.call_id)
            log.event(
                "http.refused", function=route.function, code=error.code, call_id=call.call_id
            )
        except Exception as error:  # noqa: BLE001 - the edge is where a defect becomes an answer
            log.trouble("http.failed", error, function=route.function, call_id=call.call_id)
            reply = problem(Unexpected(), call.call_id)
    # (7)
    seconds = time.monotonic() - started
    telemetry.observe(
        "http.server.request.duration", seconds, function=route.function, status=reply.status
    )
    log.event(
        "http.served",
        function=route.function,
        status=reply.status,
        call_id=call.call_id,
        milliseconds=round(seconds * 1000, 3),
    )
    return _response(reply, call.call_id)


def _response(reply: Reply, call_id: CallId) -> func.HttpResponse:
    response = func.HttpResponse(reply.body, status_code=reply.status, mimetype=reply.media_type)
    response.headers.update(reply.headers)
    response.headers["Ops-Call-Id"] = call_id
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _misconfigured(error: SettingsInvalid) -> func.HttpResponse:
    """Answer while the settings are not usable: operators read the log, callers come again."""
    log.trouble("settings.invalid", error, count=len(error.problems))
    for line in error.problems:
        log.trouble("settings.problem", setting=line.partition(" ")[0].rstrip(":"))
    call_id = CallId(RandomIds().mint("cal", SystemClock().now()))
    return _response(problem(Unavailable(retry_after=30), call_id), call_id)


def _admit(plane: Services, route: Route, call: Call, headers: dict[str, str]) -> Call:
    """Authenticate and authorise (2, 3); a public route has nobody to ask about."""
    if route.audience is None:
        return call
    actor = plane.verification.verify(headers, route.audience)
    tenant = headers.get(TENANT, "") if route.inside_tenant else ""
    tenant_id = TenantId(tenant) if _TENANT_ID.fullmatch(tenant) else None
    if route.audience is Audience.INGEST:
        call = replace(call, actor=as_producer(actor), tenant_id=tenant_id)
    else:
        call = plane.authority.with_roles(replace(call, actor=actor, tenant_id=tenant_id))
    try:
        demand(call, route.needs)
    except PermissionMissing as error:
        # The caller is verified: the refusal is counted under its name, not under a stranger's.
        error.caller = actor.subject
        raise
    return call


def _measured(
    plane: Services, route: Route, req: func.HttpRequest, headers: dict[str, str]
) -> Request:
    """Check length and size (4) before anyone looks into the body."""
    # Without a length the host passes a body on as empty (functions-host 3.3), which must not be
    # mistaken for an empty request.
    length = headers.get("content-length", "")
    measured = length.isascii() and length.isdigit()
    if req.method == "POST" and not measured:
        raise Unmeasured
    limit = plane.settings.ingest_max_bytes if route.inside_tenant else _SMALL_BODY
    if measured and int(length) > limit:
        raise Oversized(f"At most {limit} bytes fit in one request")
    body = req.get_body() or b""
    if len(body) > limit:
        raise Oversized(f"At most {limit} bytes fit in one request")
    return Request(headers, dict(req.route_params), body, dict(req.params))


def _tally(plane: Services, call: Call, error: OpsError) -> None:
    """Count a refusal, best effort: a refused caller is refused even when counting fails."""
    if not (isinstance(error, (Unauthenticated, Denied)) or getattr(error, "probing", False)):
        return
    caller = getattr(error, "caller", None)
    if caller is None and call.actor is not _NOBODY:
        caller = call.actor.subject
    try:
        plane.denials.count(call, error.code, caller)
    except Exception as trouble:  # noqa: BLE001 - nothing may turn a refusal into a 500
        log.trouble("denials.uncounted", trouble, code=error.code)


class TimerFailed(Exception):
    """A timer's work failed with something nobody foresaw; the log has type and place."""


def timer(work: Callable[[Call], object]) -> Callable[[func.TimerRequest], None]:
    """Make a timer trigger of work that takes the call of a system actor."""

    def trigger(tick: func.TimerRequest) -> None:  # noqa: ARG001 - the binding's name
        started = time.monotonic()
        try:
            call = services().timer_call()
            work(call)
        except OpsError as error:
            # The next tick tries again.
            log.trouble("timer.failed", error, function=work.__name__)
            return
        except Exception as error:  # noqa: BLE001 - drivers put values into their messages
            log.trouble("timer.failed", error, function=work.__name__)
            # The host must still see the failure, without the text that caused it.
            raise TimerFailed(work.__name__) from None
        log.event(
            "timer.ran",
            function=work.__name__,
            call_id=call.call_id,
            milliseconds=round((time.monotonic() - started) * 1000, 3),
        )

    trigger.__name__ = work.__name__
    trigger.__qualname__ = work.__qualname__
    trigger.__module__ = work.__module__
    trigger.__doc__ = work.__doc__
    return trigger


def blueprint() -> func.Blueprint:
    """Return a new blueprint; the library's constructor has no types."""
    return func.Blueprint()  # type: ignore[no-untyped-call]
