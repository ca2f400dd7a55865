"""Named statements, kept beside the store that owns them.

A ``queries.sql`` file holds blocks that begin with ``-- name: verb_noun``; the comment lines
after it say what the statement means and what "no row" means. ``Queries("shared.ingest").name``
is the statement as bytes, which psycopg accepts as a query and which cannot be built by
formatting a string; a contract test forbids SQL anywhere else.
"""

from __future__ import annotations

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)


class Queries:
    """The statements of one room, read once."""

    def __init__(self, package: str, filename: str = "queries.sql") -> None:
        """Read ``filename`` from ``package``; a name that appears twice is refused."""
        text = files(package).joinpath(filename).read_text(encoding="utf-8")
        parts = _NAME.split(text)[1:]
        names, bodies = parts[::2], parts[1::2]
        if len(set(names)) != len(names):
            twice = f"{package}/{filename} names a statement twice"
            raise ValueError(twice)
        self._statements = {
            name: _strip(body).encode() for name, body in zip(names, bodies, strict=True)
        }

    def __getattr__(self, name: str) -> bytes:
        """Return one statement by its name."""
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(name) from None

    def __iter__(self) -> object:
        """Iterate over (name, statement), for the test that prepares them all."""
        return iter(self._statements.items())


def _strip(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().rstrip(";")
