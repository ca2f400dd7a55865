"""What a year later must still be shown: a receipt, its check, and who sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from local.demo import ledger
from local.demo.ingest import Batch
from local.demo.provision import TENANTS
from local.demo.stage import Stage

_DOCUMENTS_WITHIN = 90.0
"""The reconciler of lost documents comes once a minute."""
_NO_RECEIPT = "0" * 32
_OK = 200


def prove(stage: Stage, batches: Sequence[Batch]) -> None:
    """Check what was stored, one receipt, and that tenants are apart."""
    screen = stage.screen
    screen.section("Evidence")
    _await_documents(stage)
    found = ledger.counts(stage.environment)
    screen.expect(
        set(found.stored) == {stage.count},
        "in ledger, records and vault",
        ", ".join(f"{number:,}" for number in found.stored),
    )
    screen.expect(
        found.documents == len(batches) and not found.unwritten,
        "receipt documents written",
        f"{found.documents - found.unwritten} of {len(batches)}",
    )
    screen.fact("facts for the auditor", f"{found.facts:,}")
    receipt = batches[0].receipts[0] if batches[0].receipts else _NO_RECEIPT
    verified = _verify(stage, receipt)
    _keep_apart(stage, receipt)
    stage.facts["evidence"] = {
        "admissions": found.admissions,
        "documents": found.documents,
        "facts": found.facts,
        "receipt_verified": verified,
    }


def _verify(stage: Stage, receipt: str) -> bool:
    check = stage.commands.run("receipt", "verify", receipt, "--tenant", TENANTS[0])
    verified = bool(check.get("ok"))
    passed = ", ".join(name.replace("_", " ") for name in check.get("checked", []))
    stage.screen.expect(
        verified, "that receipt verifies", passed if verified else str(check.get("failed", check))
    )
    return verified


def _keep_apart(stage: Stage, receipt: str) -> None:
    screen, (owner, other, *_) = stage.screen, TENANTS
    with stage.connect() as caller:
        mine = caller.get(f"/v1/receipts/{receipt}", stage.tenants[owner])
        theirs = caller.get(f"/v1/receipts/{receipt}", stage.tenants[other])
        nobodys = caller.get(f"/v1/receipts/{_NO_RECEIPT}", stage.tenants[other])
    stage.heard += [mine.body, theirs.body, nobodys.body]
    shown = mine.document
    screen.expect(
        mine.status == _OK and shown.get("decision") == "ADMIT",
        f"asked for by {owner}",
        f"{mine.status} {shown.get('decision')} {shown.get('event_id')}",
    )
    screen.expect(
        theirs.code == nobodys.code == "ingest.receipt_missing",
        f"asked for by {other}",
        f"{theirs.status} {theirs.code}, as for one that never was",
    )
    seen = {name: ledger.visible(stage.environment, stage.tenants[name]) for name in TENANTS}
    unset = ledger.visible(stage.environment, "")
    screen.expect(
        unset == 0 and all(seen[name] == len(stage.orders[name]) for name in TENANTS),
        "rows the ingest login sees",
        ", ".join(f"{name} {number:,}" for name, number in seen.items()) + f", no tenant {unset}",
    )


def _await_documents(stage: Stage) -> None:
    deadline = time.monotonic() + _DOCUMENTS_WITHIN
    while waiting := ledger.counts(stage.environment).unwritten:
        if time.monotonic() > deadline:
            return
        stage.screen.progress(f"waiting for {waiting} receipt documents")
        time.sleep(0.1)
