"""Keys are made once per session: that is the slow part."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.identity.forging import Pen, World


@pytest.fixture(scope="session")
def keys():
    """Two strong keys and a weak one; making them is slow."""
    sizes = {"first": 2048, "second": 2048, "weak": 1024}
    return {
        name: rsa.generate_private_key(public_exponent=65_537, key_size=size)
        for name, size in sizes.items()
    }


@pytest.fixture
def pen(keys):
    return Pen(keys["first"])


@pytest.fixture
def world(keys, pen):
    return World(pen, keys["second"])
