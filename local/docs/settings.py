"""The list of settings, and a sample of them that the app would start with."""

from __future__ import annotations

import json
from dataclasses import fields

from local.docs.markdown import code, page, table
from shared.kernel.settings import Settings

_NOBODY = "00000000-0000-0000-0000-000000000000"
_SAMPLES = {
    "OPS_ENVIRONMENT": "local_parity",
    # No password: libpq reads it from the pass file that `make up` writes.
    "OPS_DATABASE_URL": "postgresql://127.0.0.1:5432/opsplane?passfile=.opsplane/pgpass",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "INGEST_AAD_AUDIENCE": "api://opsplane-ingest",
    "INGEST_ALLOWED_CALLER_OBJECT_IDS": _NOBODY,
    "OPS_OPERATOR_AUDIENCE": "api://opsplane-operators",
    "OPS_ALLOWED_OPERATOR_OBJECT_IDS": _NOBODY,
    "OPS_OIDC_DIRECTORY_IDS": _NOBODY,
}
"""What a setting is in the sample, where that is not its default."""


def settings_page() -> str:
    """Return every setting."""
    rows = (
        (
            code(meta["name"]),
            "**required**" if meta["default"] is None else code(meta["default"]) or "empty",
            "yes" if meta["secret"] else "",
            str(meta["doc"]),
        )
        for meta in (field.metadata for field in fields(Settings))
    )
    return page(
        "Settings",
        "Environment variables, read once. All problems are reported together, and none of the "
        "messages holds a value. A secret appears in no message, log line or digest. "
        "`local.settings.sample.json` holds every one of them.",
        table(("variable", "default", "secret", "meaning"), rows),
    )


def sample() -> str:
    """Return ``local.settings.sample.json``."""
    values = {"FUNCTIONS_WORKER_RUNTIME": "python", "PYTHON_THREADPOOL_THREAD_COUNT": "4"}
    for field in fields(Settings):
        name: str = field.metadata["name"]
        values[name] = _SAMPLES.get(name, field.metadata["default"] or "")
    return json.dumps({"IsEncrypted": False, "Values": values}, indent=2) + "\n"
