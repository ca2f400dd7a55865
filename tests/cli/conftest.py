"""A terminal: the command line in this process, on a real database, with a real issuer."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.issuer import Issuer
from local.stack import Stack
from shared.bootstrap import Ports
from shared.cli.main import main
from tests.support.fix_db import OWNER, World, settings_for

AUDIENCE = "api://opsplane-operators"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> Any:
        assert self.out == ""
        return json.loads(self.err)


@dataclass
class Terminal:
    """Runs commands with the environment variables of one person."""

    variables: dict[str, str]
    capsys: pytest.CaptureFixture[str]
    ports: Ports = field(default_factory=Ports)

    def run(self, *words: str, **variables: str) -> Outcome:
        code = main(words, {**self.variables, **variables}, self.ports)
        out, err = self.capsys.readouterr()
        return Outcome(code, out, err)

    def json(self, *words: str, **variables: str) -> Any:
        """Run a command that succeeds and return its document."""
        done = self.run(*words, "--json", **variables)
        assert (done.code, done.err) == (0, "")
        return done.document

    def refused(self, *words: str, **variables: str) -> tuple[int, str]:
        """Run a command that fails and return its exit code and the error's code."""
        done = self.run(*words, "--json", **variables)
        assert done.problem["exit_code"] == done.code
        return done.code, done.problem["code"]


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with Issuer.start(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture
def owner_token(issuer: Issuer) -> str:
    return issuer.mint(OWNER, AUDIENCE, human=True)


@pytest.fixture
def bare(
    stack: Stack,
    database: str,
    issuer: Issuer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    """A terminal on a database that nobody initialised, with nobody signed in."""
    return Terminal({**settings_for(stack, database, tmp_path), **issuer.settings()}, capsys)


@pytest.fixture
def offline(
    stack: Stack, issuer: Issuer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """A terminal with good settings and no database."""
    return Terminal({**settings_for(stack, "nothing", tmp_path), **issuer.settings()}, capsys)


@pytest.fixture
def empty(stack: Stack, offline: Terminal, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal on a database without a schema."""
    name = f"empty_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    stack.create_database(name)
    offline.variables |= settings_for(stack, name, tmp_path)
    yield offline
    stack.drop_database(name)


@pytest.fixture
def terminal(
    shared_world: World, issuer: Issuer, owner_token: str, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """The platform owner's terminal in an environment that the module's tests share."""
    with shared_world.connect() as admin:
        admin.execute("DELETE FROM ops.denial_tally")
    return at_home(shared_world, issuer, owner_token, capsys)


@pytest.fixture
def fresh(
    world: World, issuer: Issuer, owner_token: str, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """The platform owner's terminal in an environment of its own."""
    return at_home(world, issuer, owner_token, capsys)


def at_home(
    world: World, issuer: Issuer, token: str, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    folder = Path(world.services.settings.keys_path).parent
    variables = settings_for(world.stack, world.database, folder)
    return Terminal(
        {**variables, **issuer.settings(), "OPS_TOKEN": token}, capsys, Ports(blobs=world.blobs)
    )


@pytest.fixture
def somebody() -> str:
    """An object id that no other test uses."""
    return str(uuid.uuid4())


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"n{uuid.uuid4().hex[:12]}"
