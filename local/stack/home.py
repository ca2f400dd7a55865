"""The folder of one stack: where its files are, its lock and its state file."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from local.stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
DEFAULT_HOME = PROJECT / ".opsplane"
# Node packages are installed once per checkout by set-up and serve every stack in it.
NODE_MODULES = DEFAULT_HOME / "node" / "node_modules"

_LOCK_TIMEOUT = 180.0


class PostgresState(BaseModel):
    """Where Postgres was started last."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: str
    port: int
    data: str


class AzuriteState(BaseModel):
    """Where Azurite was started last."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: str
    blob: int
    queue: int
    table: int

    @property
    def ports(self) -> tuple[int, int, int]:
        return self.blob, self.queue, self.table


class State(BaseModel):
    """What one process tells the next; `accounts` maps a storage account to its key."""

    model_config = ConfigDict(frozen=True)

    durable: bool = True
    postgres: PostgresState | None = None
    azurite: AzuriteState | None = None
    accounts: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one stack."""

    root: Path

    @property
    def passfile(self) -> Path:
        return self.root / "pgpass"

    @property
    def postgres_log(self) -> Path:
        return self.root / "log" / "postgres.log"

    @property
    def azurite_log(self) -> Path:
        return self.root / "log" / "azurite.log"

    @property
    def azurite_data(self) -> Path:
        return self.root / "azurite"

    @property
    def _state_file(self) -> Path:
        return self.root / "stack.json"

    def create(self) -> None:
        # Postgres may run as another user and must pass through; the secrets inside are 0600.
        for folder in (self.root, self.root / "log"):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)

    def read(self) -> State:
        """Return the last state; an absent or unreadable one is an empty one."""
        try:
            return State.model_validate_json(self._state_file.read_bytes())
        except (OSError, ValidationError):
            return State()

    def write(self, state: State) -> None:
        write_secret(self._state_file, state.model_dump_json(indent=1))

    def erase(self) -> None:
        """Delete state, passwords, logs and Azurite's data; the lock file stays while held."""
        for folder in (self.azurite_data, self.postgres_log.parent):
            shutil.rmtree(folder, ignore_errors=True)
        for path in (self._state_file, self.passfile):
            path.unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold this stack alone; the kernel lets go when the holder dies."""
        self.create()
        with (self.root / "stack.lock").open("w") as handle:
            deadline = time.monotonic() + _LOCK_TIMEOUT
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StackError(
                            f"Another process has held {handle.name} for {_LOCK_TIMEOUT:.0f} s. "
                            "End it and try again."
                        ) from None
                    time.sleep(0.02)
            yield


def write_secret(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, in one step."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    draft.replace(path)
