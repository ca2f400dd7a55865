"""Trigger adapters, one module per room; a trigger declares and delegates in one statement.

`blueprints` gives the blueprints of the planes that an app serves; each plane is a function app
of its own in Azure, built from this one tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import azure.functions as func

BLUEPRINTS = {
    "data": ("functions.ingest", "functions.policy", "functions.health"),
    "control": (
        "functions.approvals",
        "functions.revisions",
        "functions.quarantine",
        "functions.runs",
        "functions.timers",
        "functions.openapi",
        "functions.signals",
    ),
    "jobs": (),
}
"""The modules of each plane; a module holds one blueprint called ``bp``."""


def blueprints(planes: str) -> Iterator[func.Blueprint]:
    """Yield the blueprints of some planes, separated by commas. Raises ``KeyError``."""
    for plane in planes.split(","):
        for module in BLUEPRINTS[plane.strip()]:
            yield import_module(module).bp
