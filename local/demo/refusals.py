"""What must be refused: each wrong request with the status and the code that it must get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from local.demo import ledger
from local.demo.caller import Caller, Reply, ndjson
from local.demo.stage import Order, Stage
from local.environment import INGEST_AUDIENCE

_STRANGER = "5a3a0d10-0000-4000-8000-0000000000ff"
_NO_TENANT = "tnt_" + "0" * 26
_REFUSED = "ingest.records_refused"

type Wrong = tuple[str, int, str, Reply]
"""What was wrong, the status and the code it must get, and what it got."""


def refuse(stage: Stage, tenant: str, sent: Order) -> None:
    """Send a tenant what is wrong. `sent` was admitted there; what is unsent never may be."""
    screen = stage.screen
    screen.section("What must be refused, and is")
    before = ledger.counts(stage.environment)
    told = []
    with stage.connect() as caller:
        for name, status, code, reply in (
            *_wrong_records(stage, caller, tenant, sent),
            *_wrong_headers(stage, caller, tenant),
            *_wrong_tokens(stage, caller, tenant),
        ):
            stage.heard.append(reply.body)
            held = (reply.status, reply.code) == (status, code)
            screen.expect(held, name, f"{reply.status} {reply.code}{_where(reply)}")
            told.append(
                {"name": name, "status": reply.status, "code": reply.code, "as_expected": held}
            )
    after = ledger.counts(stage.environment)
    unchanged = before.stored == after.stored
    screen.expect(unchanged, "left behind by all of them", "nothing" if unchanged else "RECORDS")
    stage.facts["refusals"] = told


def _where(reply: Reply) -> str:
    problems = reply.document.get("errors", [])
    return f", {problems[0]['pointer'] or '/'} {problems[0]['code']}" if problems else ""


def _wrong_records(stage: Stage, caller: Caller, tenant: str, sent: Order) -> Iterator[Wrong]:
    unsent = stage.unsent

    def post(order: Mapping[str, Any], **changes: Any) -> Reply:
        return caller.post(tenant, ndjson([{**order, **changes}]))

    cut_off = caller.post(tenant, orjson.dumps(unsent[0])[:-40])
    yield "not JSON", 400, "ingest.body_unreadable", cut_off
    yield "a field nobody knows", 422, _REFUSED, post(unsent[0], customer_fone="none")
    yield "a VIN that is none", 422, _REFUSED, post(unsent[0], vin="none")
    yield "a sum that is wrong", 422, _REFUSED, post(unsent[0], grand_total="0.01")
    one_bad = caller.post(tenant, ndjson([*unsent, {**unsent[0], "ro_status": "lost"}]))
    yield f"one bad order among {len(unsent) + 1}", 422, _REFUSED, one_bad
    changed = post(sent, odometer_in=1, odometer_out=2)
    yield "a known order, changed", 409, "ingest.payload_differs", changed


def _wrong_headers(stage: Stage, caller: Caller, tenant: str) -> Iterator[Wrong]:
    body = ndjson(stage.unsent[:1])
    nowhere = caller.post(_NO_TENANT, body)
    yield "no tenant of that id", 404, "ingest.tenant_unknown", nowhere
    unpinned = caller.post(tenant, body, {"Ops-Policy-Rev": None})
    yield "no policy revision quoted", 422, "ingest.policy_rev_missing", unpinned
    outdated = caller.post(tenant, body, {"Ops-Policy-Rev": "0" * 64})
    yield "another policy revision", 409, "ingest.policy_rev_differs", outdated


def _wrong_tokens(stage: Stage, caller: Caller, tenant: str) -> Iterator[Wrong]:
    environment = stage.environment
    stranger = environment.issuer.mint(_STRANGER, INGEST_AUDIENCE)
    for name, status, code, token in (
        ("no token", 401, "identity.credential_missing", None),
        ("not a token", 401, "identity.token_malformed", "none"),
        ("a forged token", 401, "identity.signature_invalid", _forged(stage.token)),
        ("an operator's token", 401, "identity.audience_invalid", environment.operator_token()),
        ("a stranger's token", 403, "identity.caller_forbidden", stranger),
    ):
        credential = f"Bearer {token}" if token else None
        reply = caller.post(tenant, ndjson(stage.unsent[:1]), {"Authorization": credential})
        yield name, status, code, reply


def _forged(token: str) -> str:
    """Change the signature, and not in its last character, of which some bits say nothing."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
