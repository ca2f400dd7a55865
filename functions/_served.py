"""What the app serves, read from the app itself: every function of every plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import azure.functions as func
from azure.functions.decorators.function_app import Function

from functions import BLUEPRINTS, blueprints
from functions._edge import ROUTES, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One function: what triggers it, and what its HTTP route declares."""

    function: str
    plane: str
    trigger: str
    summary: str
    path: str = ""
    methods: tuple[str, ...] = ()
    schedule: str = ""
    queue: str = ""
    route: Route | None = None


@lru_cache(maxsize=1)
def served() -> tuple[Served, ...]:
    """Return every function, plane by plane, in the order of the modules."""
    # An app of its own, so that asking does not depend on which planes this process serves.
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    for blueprint in blueprints(",".join(BLUEPRINTS)):
        app.register_functions(blueprint)
    planes = {module: plane for plane, modules in BLUEPRINTS.items() for module in modules}
    return tuple(_describe(planes, function) for function in app.get_functions())


def routes() -> tuple[Served, ...]:
    """Return the HTTP functions."""
    return tuple(found for found in served() if found.route is not None)


def _describe(planes: Mapping[str, str], function: Function) -> Served:
    name = str(function.get_function_name())
    trigger = function.get_trigger()
    binding = trigger.get_dict_repr() if trigger else {}
    handler = function.get_user_function()
    return Served(
        function=name,
        plane=planes[handler.__module__],
        trigger=str(binding["type"]).removesuffix("Trigger"),
        summary=(handler.__doc__ or "").strip().partition("\n")[0],
        path=f"/{binding['route']}" if "route" in binding else "",
        methods=tuple(str(method.value) for method in binding.get("methods") or ()),
        schedule=str(binding.get("schedule", "")),
        queue=str(binding.get("queueName", "")),
        route=ROUTES.get(name),
    )
