"""A whole local environment: stack, issuer, database, settings; the host is started on top.

Used by the demo, by ``make up`` and by the tests that speak HTTP, so that all of them run what a
deployed app runs: the real verifier against the local issuer, the duty logins, real storage.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.host import RunningHost, launch
from local.issuer import Issuer
from local.stack import Stack, stop
from shared.approvals.model import Reason, ReasonCode
from shared.bootstrap import Services
from shared.identity.roles import Role, permissions_of
from shared.kernel.call import Actor, AuthMode, Call, SourceType
from shared.kernel.migrate import migrate

PROJECT = Path(__file__).resolve().parents[1]

OWNER = "5a3a0d10-0000-4000-8000-000000000001"
"""Object id of the local platform owner, a person."""
APPROVER = "5a3a0d10-0000-4000-8000-000000000003"
"""Object id of the local second person, a security officer: approves what the owner proposes."""
INTAKE = "5a3a0d10-0000-4000-8000-000000000002"
"""Object id of the local intake service, a managed identity."""
INGEST_AUDIENCE = "api://opsplane-ingest"
OPERATOR_AUDIENCE = "api://opsplane-operators"

_NOTE = "started-for-a-while"


@dataclass(frozen=True)
class LocalEnvironment:
    """Settings and credentials of an environment on this machine."""

    stack: Stack
    issuer: Issuer
    database: str
    folder: Path
    storage: str
    extra: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """Return the environment variables of an app in this environment."""
        return {
            "OPS_ENVIRONMENT": "local_parity",
            "PYTHON_THREADPOOL_THREAD_COUNT": "4",
            "OPS_WORKSPACE": "local",
            "OPS_DATABASE_URL": self.stack.database_url(self.database),
            "AzureWebJobsStorage": self.storage,
            "INGEST_AAD_AUDIENCE": INGEST_AUDIENCE,
            "INGEST_ALLOWED_CALLER_OBJECT_IDS": INTAKE,
            "OPS_OPERATOR_AUDIENCE": OPERATOR_AUDIENCE,
            "OPS_ALLOWED_OPERATOR_OBJECT_IDS": f"{OWNER},{APPROVER}",
            "OPS_KEYS_PATH": str(self.folder / "keys"),
            **self.issuer.settings(),
            **self.extra,
        }

    def operator_token(self) -> str:
        """Return a token of the platform owner."""
        return self.issuer.mint(OWNER, OPERATOR_AUDIENCE, human=True)

    def approver_token(self) -> str:
        """Return a token of the second person."""
        return self.issuer.mint(APPROVER, OPERATOR_AUDIENCE, human=True)

    def intake_token(self) -> str:
        """Return a token of the intake service."""
        return self.issuer.mint(INTAKE, INGEST_AUDIENCE)

    @contextmanager
    def host(
        self, workers: int = 1, port: int = 0, logs: Path | None = None
    ) -> Iterator[RunningHost]:
        """Run the Functions host of this environment."""
        keep = {name: value for name, value in os.environ.items() if not name.startswith("OPS_")}
        with launch(
            PROJECT, {**keep, **self.settings()}, workers=workers, port=port, logs=logs
        ) as running:
            yield running


def activate_policy(services: Services, owner: Call, approver: str = APPROVER) -> None:
    """Put the policy in force from inside, by the two people that it takes.

    ``owner`` is a call of the registered platform owner with all its permissions; ``approver`` is
    registered as the second person when it is not.
    """
    reason = Reason(ReasonCode.RELEASE, "set-up")
    asked = services.policy.propose(owner, reason)
    if asked.approval is None:
        return
    services.provisioning.create_principal(owner, "user", approver, "second person")
    services.provisioning.grant_role(owner, approver, Role.SECURITY_OFFICER)
    second = Actor(
        SourceType.HUMAN, approver, AuthMode.TOKEN, permissions_of([Role.SECURITY_OFFICER])
    )
    wanted = asked.approval
    services.approvals.approve(
        services.call(second), wanted.approval_id, wanted.plan_digest, reason
    )
    services.policy.activate(owner, wanted.approval_id)


def prepare_database(stack: Stack, name: str) -> bool:
    """Make sure a database of that name exists and is migrated; ``True`` when it is new."""
    new = not stack.has_database(name)
    if new:
        stack.create_database(name)
    migrate(stack.login_url("ops_migrator", name))
    return new


@contextmanager
def stack_for_a_while(home: Path, *, keep: bool = False, erase: bool = False) -> Iterator[Stack]:
    """Find the stack, or start it and stop (and erase) it at the end unless it is to be kept.

    A note says that it is ours to stop, so that the next run stops what a killed one left behind.
    """
    note = home / _NOTE
    stack = Stack.find(home)
    if stack is None:
        home.mkdir(parents=True, exist_ok=True)
        note.touch()
    try:
        stack = stack or Stack.ensure(home)
        if keep:
            keep_stack(home)
        yield stack
    finally:
        if note.exists():
            stop(home, erase=erase)
            note.unlink(missing_ok=True)
            if erase:
                shutil.rmtree(home)


def keep_stack(home: Path) -> None:
    """Let the stack run on, whoever started it."""
    (home / _NOTE).unlink(missing_ok=True)
