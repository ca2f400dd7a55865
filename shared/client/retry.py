"""When to try again and how long to wait: what an answer means to a sender (002-B).

429, 5xx, lost answers and a key in flight are tried again with the same key; a batch that is too
heavy is cut; a refused credential is renewed once; any other 4xx is final.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

import orjson

from shared.client.ports import Reply

NOT_A_GATE = "client.not_a_gate"
IN_FLIGHT = "ingest.in_flight"
TOO_HEAVY = frozenset({"ingest.batch_too_heavy", "ingest.too_many_records", "ops.oversized"})
RECORD_CODES = frozenset(
    {"ingest.records_refused", "ingest.payload_differs", "ingest.body_unreadable"}
)
"""Refusals whose pointers name single records."""
_FIRST = 0.5
_LONGEST = 30.0
_LONGEST_ADVICE = 3600.0


class Verdict(StrEnum):
    """What to do about an answer."""

    TAKEN = "taken"
    AGAIN = "again"
    HALVE = "halve"
    RENEW = "renew"
    RECORDS = "records"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as a sender reads it."""

    verdict: Verdict
    status: int
    code: str
    title: str
    call_id: str = ""
    retry_after: float | None = None
    document: dict[str, object] | None = None


def judge(reply: Reply) -> Told:
    """Return what an answer means."""
    document = _document(reply.body)
    code = str((document or {}).get("code", ""))
    if reply.status == HTTPStatus.NOT_FOUND and not code:
        # The gate's own 404 is a problem document: something else listens there.
        title = "Whatever answers at this address is not a gate"
        return Told(Verdict.FINAL, reply.status, NOT_A_GATE, title)
    return Told(
        _verdict(reply.status, code, document),
        reply.status,
        code or f"http.{reply.status}",
        str((document or {}).get("title", "")) or _phrase(reply.status),
        reply.headers.get("ops-call-id", ""),
        _seconds(reply.headers.get("retry-after", "")),
        document,
    )


def _verdict(status: int, code: str, document: dict[str, object] | None) -> Verdict:
    if status in (HTTPStatus.OK, HTTPStatus.CREATED):
        # An answer that cannot be read is a proxy's, or was cut: the key makes asking again safe.
        return Verdict.AGAIN if document is None else Verdict.TAKEN
    again = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in again or code == IN_FLIGHT:
        return Verdict.AGAIN
    if status == HTTPStatus.UNAUTHORIZED:
        return Verdict.RENEW
    if code in TOO_HEAVY or (status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and not code):
        return Verdict.HALVE
    return Verdict.RECORDS if code in RECORD_CODES else Verdict.FINAL


def pause(attempt: int, chance: float, advice: float | None) -> float:
    """Return the seconds to wait before the next try: full jitter below a doubling ceiling.

    ``advice`` is the gate's Retry-After, which is never undercut.
    """
    ceiling = min(_LONGEST, _FIRST * float(2 ** min(attempt, 16)))
    return chance * ceiling + (advice or 0.0)


def _document(body: bytes) -> dict[str, object] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _seconds(text: str) -> float | None:
    """Read a Retry-After in seconds; a date, which this gate never sends, is passed over."""
    if not (text.isascii() and text.isdigit()):
        return None
    return min(float(text), _LONGEST_ADVICE)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "An answer that is not known"
