"""A few threads that wait for answers, and that a process may end without.

The threads of `concurrent.futures` are joined when the interpreter ends, so one that hangs where
nothing can cut it, such as in a name server's silence, would hold up a sender that was told to end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue


class Workers:
    """Threads that take one task after the other."""

    def __init__(self, count: int) -> None:
        """Start them."""
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"ingest-send-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit[T](self, task: Callable[[], T]) -> Future[T]:
        """Have a task done; the future tells when it is."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - told where the result is asked for
                future.set_exception(error)

        self._tasks.put(run)
        return future

    def end(self, patience: float) -> None:
        """Begin no other task, and wait no longer than that for those under way."""
        try:
            while True:
                self._tasks.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._tasks.put(None)
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
