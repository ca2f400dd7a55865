"""Tests of Opsplane; see CONTRIBUTING.md for the tiers."""
