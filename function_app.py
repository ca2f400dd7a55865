"""The Functions app: registers the blueprints of the planes that this app serves."""

from __future__ import annotations

import os

import azure.functions as func

from functions import blueprints

# Callers prove themselves with verified tokens (functions/_edge.py), not with host keys.
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for blueprint in blueprints(os.environ.get("OPS_PLANES") or "data,control,jobs"):
    app.register_functions(blueprint)
