"""Modules that a function needs and its app's start does not.

A worker imports every function of its planes before it serves the first request. How requests
and answers are spelled (wire modules, with their pydantic models) is loaded by the first request
that needs it, so that no app pays at its start for routes that nobody calls.
"""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec
from types import ModuleType


def later(name: str) -> ModuleType:
    """Return a module that is executed when it is first looked into."""
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name)
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
