"""Local keys: named for what they are, made once, refused where they would be a lie."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from shared.adapters.local_keys import UnsafePlaintextKeys
from shared.kernel.ids import TenantId
from shared.kernel.ports import KeyMissing
from shared.kernel.settings import Environment
from shared.pii.errors import KeysUnavailable

TENANT = TenantId("tnt_" + "0" * 26)


@pytest.fixture
def keys(tmp_path: Path) -> UnsafePlaintextKeys:
    return UnsafePlaintextKeys(tmp_path / "keys", Environment.LOCAL_PARITY)


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_staging_and_production_refuse_plain_text_keys(tmp_path: Path, environment) -> None:
    with pytest.raises(ValueError, match="plain-text keys are refused"):
        UnsafePlaintextKeys(tmp_path, environment)


def test_a_key_is_made_once_and_kept(keys: UnsafePlaintextKeys, tmp_path: Path) -> None:
    keys.create(TENANT)
    first = keys.fetch(TENANT)
    keys.create(TENANT)
    assert keys.fetch(TENANT) == first
    assert len(first) == 32
    (file,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_tenants_have_keys_of_their_own(keys: UnsafePlaintextKeys) -> None:
    other = TenantId("tnt_" + "1" * 26)
    keys.create(TENANT)
    keys.create(other)
    assert keys.fetch(TENANT) != keys.fetch(other)


def test_threads_that_make_one_key_agree_on_it(keys: UnsafePlaintextKeys, tmp_path: Path) -> None:
    """Atomic: nobody ever reads half a key, or a key that is then replaced."""
    start = threading.Barrier(8)
    seen: list[bytes] = []

    def make() -> None:
        start.wait()
        keys.create(TENANT)
        seen.append(keys.fetch(TENANT))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(seen) == 8
    assert len(set(seen)) == 1
    assert len(list((tmp_path / "keys").iterdir())) == 1


def test_a_key_that_is_not_there_is_missing(keys: UnsafePlaintextKeys) -> None:
    with pytest.raises(KeyMissing):
        keys.fetch(TENANT)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_file_of_another_size_is_no_key(
    keys: UnsafePlaintextKeys, tmp_path: Path, size: int
) -> None:
    keys.create(TENANT)
    (file,) = (tmp_path / "keys").iterdir()
    file.write_bytes(os.urandom(size))
    with pytest.raises(KeyMissing):
        keys.fetch(TENANT)


def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the folder should be")
    keys = UnsafePlaintextKeys(tmp_path / "keys", Environment.TESTING)
    with pytest.raises(KeysUnavailable):
        keys.create(TENANT)
    with pytest.raises(KeysUnavailable):
        keys.fetch(TENANT)
