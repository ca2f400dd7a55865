"""The local stack: one Postgres 18 and one Azurite, found again by every process of a checkout.

Owns: `.opsplane/` (data, logs, `stack.json`, `pgpass`) and the two services whose data lie there.
Never does: touch a service that it did not start, need root, Docker or a system package, or put
a password into a URL.

A process belongs to a stack when it works in that stack's data folder. So a stack that was half
started, or of which a part was killed, can always be completed (`Stack.ensure`) or stopped
(`stop`), whatever the state file says. Everything that changes a stack holds `stack.lock`.

Postgres refuses to run as root. There it runs as `nobody`, which must be able to reach programs
and data: `place` tries it, and falls back to a temporary folder.
"""

from __future__ import annotations

from local.stack.errors import StackError
from local.stack.home import DEFAULT_HOME
from local.stack.stack import Stack, stop

__all__ = ["DEFAULT_HOME", "Stack", "StackError", "stop"]
