"""Benchmarks, each beside its peer or its physical floor, in one run."""

from __future__ import annotations
