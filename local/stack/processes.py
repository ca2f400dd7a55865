"""Processes of the stack: started detached, recognised by their command line, stopped politely."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil

from local.stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# Below the range from which systems take ports for outgoing connections, so that a service finds
# its port free again after a restart.
_PORTS = range(15000, 32000)
_PORT_ATTEMPTS = 200
_KILL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """A system user to run a service as."""

    uid: int
    gid: int

    def run_args(self) -> dict[str, object]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def spawn(
    argv: Sequence[str], *, log: Path, cwd: Path, env: Mapping[str, str], account: Account | None
) -> int:
    """Start a service that no terminal or parent takes along; return its process id.

    The shell between us and it ends at once, so that the service is the system's child, not ours:
    we could outlive it without noticing.
    """
    identity = account.run_args() if account else {}
    with log.open("ab") as output:
        shell = subprocess.run(
            ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            check=True,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
            **identity,  # type: ignore[call-overload]  # A dict of options is not typed per key.
        )
    return int(shell.stdout)


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def running(*argv: str) -> list[int]:
    """Find the processes whose command line holds these words in this order."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(tuple(words[i : i + len(argv)]) == argv for i in range(len(words))):
            found.append(process.pid)
    return found


def working_in(folder: Path, program: str) -> list[int]:
    """Find the processes of a program whose working directory is `folder`.

    The program matters: a developer's shell may stand in that folder too.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder) and program in " ".join(process.cmdline()[:2]):
                found.append(process.pid)
    return found


def started_at(pid: int) -> str:
    """Return when a process started, for a person to read; empty when it is gone."""
    try:
        began = psutil.Process(pid).create_time()
    except psutil.Error:
        return ""
    return datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")


def end(pids: Sequence[int], *, politely: signal.Signals, seconds: float) -> None:
    """Ask processes to end, and kill those that have not after `seconds`."""
    for sign, patience in ((politely, seconds), (signal.SIGKILL, _KILL_SECONDS)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + patience
        # Ended is enough: a container may have nobody who collects the dead.
        while pids := [pid for pid in pids if alive(pid)]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)


def choose_ports(preferred: Sequence[int], count: int) -> list[int]:
    """Return `count` free ports of this machine, the preferred ones where they are free."""
    chosen: list[int] = []
    wishes = [*preferred, *(_PORTS[secrets.randbelow(len(_PORTS))] for _ in range(_PORT_ATTEMPTS))]
    for port in wishes:
        if len(chosen) == count:
            return chosen
        with socket.socket() as probe:
            # As the services do themselves; else a port that was in use a minute ago looks taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in chosen:
            chosen.append(port)
    raise StackError(f"No {count} free ports between {_PORTS.start} and {_PORTS.stop}.")
