"""Everything that must exist before a record may come in, by the operators' own command line."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.demo.screen import Screen
from local.environment import APPROVER, INTAKE, OWNER, PROJECT, LocalEnvironment
from local.samples import CONTRACT

GROUP = "demo"
TENANTS = ("alder", "birch", "cedar")
_PROGRAM = Path(sys.executable).with_name("opsplane")


class CommandFailedError(RuntimeError):
    """A command of the command line did not do what the demo needs."""


class CommandLine:
    """The `opsplane` program, as the platform owner runs it, or the second person."""

    def __init__(self, environment: LocalEnvironment, screen: Screen) -> None:
        others = {name: v for name, v in os.environ.items() if not name.startswith("OPS_")}
        self._variables: Mapping[str, str] = {
            **others,
            **environment.settings(),
            "OPS_TOKEN": environment.operator_token(),
        }
        self._approver = environment.approver_token()
        self._screen = screen

    def run(self, *words: str) -> dict[str, Any]:
        """Run a command as the owner and return its document. Raises `CommandFailedError`."""
        self._screen.line(f"$ opsplane {shlex.join(words)}")
        return self._run(self._variables, words)

    def run_as_approver(self, *words: str) -> dict[str, Any]:
        """Run a command as the second person."""
        self._screen.line(f"$ opsplane {shlex.join(words)}   # the second person")
        return self._run({**self._variables, "OPS_TOKEN": self._approver}, words)

    def _run(self, variables: Mapping[str, str], words: Sequence[str]) -> dict[str, Any]:
        done = subprocess.run(
            [str(_PROGRAM), *words, "--json"],
            cwd=PROJECT,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise CommandFailedError(
                f"opsplane {shlex.join(words)} ended with {done.returncode}: {done.stderr.strip()}"
            ) from None
        return document


def provision(commands: CommandLine) -> dict[str, str]:
    """Set up the environment, three tenants and the caller; return tenant name -> id."""
    commands.run("db", "migrate")
    commands.run("environment", "init", "--workspace", "local", "--owner", OWNER)
    _activate_policy(commands)
    commands.run("group", "create", GROUP)
    commands.run("service", "create", "--object-id", INTAKE, "--label", "intake")
    tenants = {}
    for name in TENANTS:
        made = commands.run("tenant", "create", name, "--group", GROUP)
        tenants[name] = str(made["tenant_id"])
        commands.run(
            *("grant", "add", "--object-id", INTAKE, "--tenant", name, "--contract", CONTRACT)
        )
    return tenants


def _activate_policy(commands: CommandLine) -> None:
    """Put the policy in force: one person proposes, another one approves what it changes."""
    person = ("--object-id", APPROVER)
    commands.run("user", "create", *person, "--label", "second person")
    commands.run("role", "grant", *person, "security_officer")
    asked = commands.run("policy", "propose", "--reason-code", "RELEASE", "--reason", "demo")
    approval_id, digest = asked["approval"]["approval_id"], asked["approval"]["plan_digest"]
    commands.run_as_approver(
        *("approval", "approve", approval_id, "--plan", digest[:12], "--reason-code", "RELEASE")
    )
    commands.run("policy", "activate", "--approval", approval_id)
