"""Starting a host from Python, for tests, the demo and benchmarks."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from local.host.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

_ROOT = Path(__file__).resolve().parents[2]


class HostError(Exception):
    """The host ended before it was ready; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class RunningHost:
    """A host running as a process of its own; leaving the `with` block stops it."""

    process: subprocess.Popen[bytes] = field(repr=False)
    url: str
    port: int
    keys: Keys = field(repr=False)
    functions: tuple[str, ...]
    logs: Path
    _folder: Path = field(repr=False)

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self.process.pid

    @property
    def master_key(self) -> str:
        return self.keys.master

    @property
    def function_key(self) -> str:
        """A host key: it opens every function of level FUNCTION."""
        return self.keys.host["default"]

    def workers(self) -> list[int]:
        """The workers' process ids, as of the last time all of them were ready."""
        return list(json.loads(self._ready_file.read_text(encoding="utf-8"))["workers"])

    def stop(self, within: float = 30.0) -> int:
        """Stop in order and return the exit status; kill when that takes too long."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._gone(within)

    def kill(self) -> None:
        """Kill without warning; the workers notice and end too."""
        self.process.kill()
        self._gone(5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _ready_file(self) -> Path:
        return self._folder / "ready.json"

    def _gone(self, within: float) -> int:
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        return status


def launch(  # noqa: PLR0913 -- each is a choice a caller makes
    app_dir: Path,
    env: Mapping[str, str] | None = None,
    workers: int = 1,
    port: int = 0,
    *,
    keys: Keys | None = None,
    arguments: Sequence[str] = (),
    logs: Path | None = None,
    within: float = 60.0,
) -> RunningHost:
    """Start a host and wait until every worker is ready; raises HostError when that fails.

    `env` adds to this process's environment. The host also stops when this process ends.
    """
    folder = Path(tempfile.mkdtemp(prefix="functions-host-"))
    # For a caller who stops the host without a `with` block and reads its log afterwards.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        return _launch(app_dir, env, workers, port, keys, arguments, logs, within, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _launch(  # noqa: PLR0913 -- launch, once there is a folder to clean up
    app_dir: Path,
    env: Mapping[str, str] | None,
    workers: int,
    port: int,
    keys: Keys | None,
    arguments: Sequence[str],
    logs: Path | None,
    within: float,
    folder: Path,
) -> RunningHost:
    ready_file, logs = folder / "ready.json", logs or folder / "host.log"
    keys = keys or Keys.generate()
    keys_file = folder / "keys.json"
    keys_file.touch(mode=0o600)
    keys_file.write_text(keys.to_json(), encoding="utf-8")
    with logs.open("ab") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "local.host", "--app-dir", str(app_dir.resolve())),
                *("--workers", str(workers), "--port", str(port), "--keys", str(keys_file)),
                *("--ready-file", str(ready_file), "--stop-on-eof", *arguments),
            ],
            cwd=_ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        ready = _wait_for(ready_file, process, logs, within)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return RunningHost(
        process=process,
        url=f"http://127.0.0.1:{ready['port']}",
        port=ready["port"],
        keys=keys,
        functions=tuple(found["name"] for found in ready["functions"]),
        logs=logs,
        _folder=folder,
    )


def _wait_for(
    ready_file: Path, process: subprocess.Popen[bytes], logs: Path, within: float
) -> dict[str, Any]:
    deadline = time.monotonic() + within
    while not ready_file.exists():
        if (status := process.poll()) is not None:
            raise HostError(f"the host ended with status {status}:\n{_tail(logs)}")
        if time.monotonic() > deadline:
            raise HostError(f"the host was not ready within {within:g} s:\n{_tail(logs)}")
        time.sleep(0.02)
    return dict(json.loads(ready_file.read_text(encoding="utf-8")))


def _tail(logs: Path) -> str:
    return logs.read_text(encoding="utf-8", errors="replace")[-4000:]
