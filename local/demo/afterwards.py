"""What operators and auditors do afterwards: settle what was set aside, and prove what stands."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from local.demo.caller import ndjson
from local.demo.ingest import Batch
from local.demo.provision import CommandFailedError
from local.demo.stage import Stage
from local.environment import PROJECT

_LENIENT = {"Prefer": "handling=lenient"}
_CHECKER = PROJECT / "docs" / "examples" / "verify_proof.py"
_SEALED_WITHIN = 60.0
"""The sealer comes every ten seconds."""
_OK = 200


def set_aside(stage: Stage, batches: Sequence[Batch]) -> None:
    """Send a tenant a known and a broken order leniently, and discard what is held."""
    screen, batch = stage.screen, batches[0]
    screen.section("Quarantine")
    wrong = {**stage.unsent[0], "ro_status": "lost"}
    with stage.connect() as caller:
        reply = caller.post(batch.tenant, ndjson([batch.orders[0], wrong]), _LENIENT)
    stage.heard.append(reply.body)
    told = reply.document.get("records", [])
    decisions = [record["decision"] for record in told]
    screen.expect(
        reply.status == _OK and decisions == ["DUPLICATE", "QUARANTINE"],
        "a known and a broken order",
        f"{reply.status} {', '.join(decisions)}",
    )
    tenant = next(name for name, found in stage.tenants.items() if found == batch.tenant)
    held = stage.commands.run("quarantine", "list", "--tenant", tenant).get("records", [])
    why = [reason["code"] for record in held for reason in record["reasons"]]
    screen.expect(why == ["not_one_of"], "held, and why", f"{len(held)}, {', '.join(why)}")
    for record in held:
        words = (record["receipt_id"], "--reason", "test_data", "--tenant", tenant)
        stage.commands.run("quarantine", "discard", *words)
    left = stage.commands.run("quarantine", "list", "--tenant", tenant).get("records", [])
    screen.expect(not left, "left in quarantine", str(len(left) or "nothing"))
    stage.facts["quarantine"] = {"decisions": decisions, "reasons": why, "left": len(left)}


def seal(stage: Stage, batches: Sequence[Batch]) -> None:
    """Wait for the seal over a receipt, verify the ledgers, and check a proof without Opsplane."""
    screen = stage.screen
    screen.section("Seals and proofs")
    tenant = next(name for name, found in stage.tenants.items() if found == batches[0].tenant)
    with TemporaryDirectory() as folder:
        proof, trust = Path(folder) / "proof.json", Path(folder) / "trust.json"
        sealed = _prove(stage, batches[0].receipts[0], tenant, proof)
        screen.expect(sealed, "a receipt is sealed", "yes" if sealed else "NOT YET")
        stage.commands.run("ledger", "keys", "--to", str(trust))
        screen.line(f"$ python docs/examples/{_CHECKER.name} proof.json trust.json")
        checked = subprocess.run(
            [sys.executable, str(_CHECKER), str(proof), str(trust)],
            capture_output=True,
            text=True,
            check=False,
        )
    screen.expect(
        checked.returncode == 0, "checked without Opsplane", checked.stdout.strip() or "REFUSED"
    )
    verdict = stage.commands.run("ledger", "verify")
    streams = verdict.get("streams", [])
    entries = sum(stream["entries"] for stream in streams)
    screen.expect(
        bool(verdict.get("ok")),
        "the ledgers verify",
        f"{entries:,} entries under {sum(stream['seals'] for stream in streams)} seals",
    )
    stage.facts["seals"] = {"proof_checked": checked.returncode == 0, "entries": entries}


def _prove(stage: Stage, receipt: str, tenant: str, proof: Path) -> bool:
    deadline = time.monotonic() + _SEALED_WITHIN
    words = ("ledger", "prove", receipt, "--tenant", tenant, "--to", str(proof))
    while True:
        try:
            stage.commands.run(*words)
        except CommandFailedError:
            # Not sealed yet: the command says when to come again.
            if time.monotonic() > deadline:
                return False
            time.sleep(2)
        else:
            return True
