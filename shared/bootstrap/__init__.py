"""Puts the product together: settings and adapters in, services out.

The one part that knows the adapters. Everything is built on first use and kept; nothing connects,
and no SDK is imported, before a request needs it (cold start). The services are stacked by what
they need: ``floor`` <- ``access`` <- ``intake`` <- ``care``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from shared.bootstrap.care import Care
from shared.bootstrap.floor import Ports, new_traceparent
from shared.kernel.settings import Settings

__all__ = ["Ports", "Services", "build", "install", "new_traceparent", "services"]


class Services(Care):
    """Every service of the product, each built when it is first asked for."""


def build(environment: Mapping[str, str], ports: Ports | None = None) -> Services:
    """Return the services for some environment variables. Raises `SettingsInvalid`."""
    return Services(Settings.from_env(environment), ports)


_services: Services | None = None
_building = threading.Lock()


def services() -> Services:
    """Return this process's services, built from its environment on first use."""
    global _services  # noqa: PLW0603 - one app per process, and engines call us by import
    if _services is None:
        with _building:
            if _services is None:
                _services = build(os.environ)
    return _services


def install(replacement: Services | None) -> None:
    """Put other services in place, for tests of the edge."""
    global _services  # noqa: PLW0603 - the counterpart of `services`
    _services = replacement
