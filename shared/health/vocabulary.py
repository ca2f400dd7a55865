"""Permissions of health."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """What operators may be allowed to see."""

    SIGNAL_READ = "health:signal:read"
