"""The local Functions host: development only, never deployed.

Owns: running a Python function app on this machine as the Azure Functions host would, with the
official execution engine in process and the host's semantics copied around it.

Never does: wake a queue listener because this process enqueued something. The real host has such a
shortcut for its own enqueues; an app that leaned on it would be slow in Azure. (The host's own
queue of found blobs is woken by its own scans, as in Azure: no app can enqueue there.)

Parts: `supervisor` binds the socket and keeps N `worker` processes; each worker is one instance of
the app with its own `engine`, HTTP front (`web`), queue listeners (`queues`), one listener of all
blob functions (`blobs`, `blob_queue`) and timers (`timers`, one instance at a time through
`leases`). `gate` answers 503 while no worker is ready. `launcher` starts all of it from Python.

Invariants, each held by a test in tests/host:
- a worker never outlives its supervisor, however the supervisor ends (the pipe in `channel`);
- an invocation that overruns functionTimeout ends its whole worker (`invocations`);
- a message is deleted only after its function succeeded (`queues`);
- logs hold names, ids and exception traces; never a body, a header or a query string.

What is copied from the real host and what is not is listed in docs/host-fidelity.md.
"""

from __future__ import annotations

from local.host.keys import Keys
from local.host.launcher import HostError, RunningHost, launch

__all__ = ["HostError", "Keys", "RunningHost", "launch"]
