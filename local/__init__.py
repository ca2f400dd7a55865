"""Development only, never deployed: the local stack, the local Functions host and the demo."""

from __future__ import annotations
