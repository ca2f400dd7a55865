"""One suite for every provider of signing keys, and what plain files have to keep."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.adapters.signing import MemorySigningKeys, UnsafePlaintextSigningKeys
from shared.kernel.ports import SigningKeys
from shared.kernel.settings import Environment
from shared.ledger.errors import SigningKeyMissing, SigningUnavailable
from shared.ledger.keys import Trust, key_id_of


def in_files(folder: Path) -> UnsafePlaintextSigningKeys:
    return UnsafePlaintextSigningKeys(folder / "keys" / "signing", Environment.LOCAL_PARITY)


@pytest.fixture(params=[in_files, lambda _: MemorySigningKeys()], ids=["files", "memory"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> SigningKeys:
    return request.param(tmp_path)


class TestEveryProvider:
    def test_the_first_key_is_made_when_it_is_asked_for_and_kept(self, keys: SigningKeys) -> None:
        assert keys.public_keys() == {}
        first = keys.current()
        assert keys.current() == first
        assert set(keys.public_keys()) == {first}

    def test_what_keys_seal_for_is_pinned_once(self, keys: SigningKeys) -> None:
        assert keys.pinned_home() is None
        assert keys.pin_home("here") == "here"
        assert keys.pin_home("elsewhere") == "here"
        assert keys.pinned_home() == "here"
        keys.rotate()
        assert keys.pinned_home() == "here"
        assert len(keys.public_keys()) == 1

    def test_an_id_is_the_digest_of_the_public_key(self, keys: SigningKeys) -> None:
        keys.rotate()
        keys.rotate()
        assert all(key_id_of(public) == key_id for key_id, public in keys.public_keys().items())

    def test_a_signature_is_of_its_key_and_its_data(self, keys: SigningKeys) -> None:
        key_id = keys.current()
        signature = keys.sign(key_id, b"seal")
        assert len(signature) == 64
        public = Ed25519PublicKey.from_public_bytes(keys.public_keys()[key_id])
        public.verify(signature, b"seal")
        with pytest.raises(InvalidSignature):
            public.verify(signature, b"another")

    def test_a_new_key_signs_and_the_older_one_stays_trusted(self, keys: SigningKeys) -> None:
        old = keys.current()
        before = keys.sign(old, b"seal")
        new = keys.rotate()
        assert new != old
        assert keys.current() == new
        trust = Trust(keys.public_keys())
        assert trust.signed(old, before, b"seal")
        assert trust.signed(new, keys.sign(new, b"seal"), b"seal")
        assert not trust.signed(new, before, b"seal")

    def test_a_key_that_is_not_there_cannot_sign(self, keys: SigningKeys) -> None:
        keys.current()
        with pytest.raises(SigningKeyMissing):
            keys.sign("0" * 64, b"seal")


class TestFiles:
    @pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
    def test_staging_and_production_refuse_them(self, tmp_path: Path, environment) -> None:
        with pytest.raises(ValueError, match="plain-text keys are refused"):
            UnsafePlaintextSigningKeys(tmp_path, environment)

    def test_another_process_finds_the_same_keys(self, tmp_path: Path) -> None:
        one, two = in_files(tmp_path), in_files(tmp_path)
        assert one.current() == two.current()
        assert two.rotate() == one.current()
        assert one.public_keys() == two.public_keys()

    def test_only_the_owner_of_the_files_can_read_them(self, tmp_path: Path) -> None:
        in_files(tmp_path).current()
        [file] = (tmp_path / "keys" / "signing").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    def test_those_who_make_the_first_key_at_once_agree_on_it(self, tmp_path: Path) -> None:
        start = threading.Barrier(8)
        seen: list[str] = []

        def make() -> None:
            start.wait()
            seen.append(in_files(tmp_path).current())

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(seen) == 8
        assert len(set(seen)) == 1

    @pytest.mark.parametrize(
        "content",
        [
            lambda: b"",
            lambda: b"no key",
            lambda: generate_private_key(65537, 2048).private_bytes(
                Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
            ),
        ],
        ids=["empty", "text", "rsa"],
    )
    def test_a_file_that_is_no_key_of_ours_is_none(
        self, tmp_path: Path, content: Callable[[], bytes]
    ) -> None:
        keys = in_files(tmp_path)
        keys.current()
        [file] = (tmp_path / "keys" / "signing").iterdir()
        file.write_bytes(content())
        with pytest.raises(SigningKeyMissing):
            in_files(tmp_path).current()

    def test_a_folder_that_cannot_be_used_is_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "keys").write_text("a file where the folder should be")
        with pytest.raises(SigningUnavailable):
            in_files(tmp_path).current()


def test_a_memory_provider_can_be_away() -> None:
    keys = MemorySigningKeys()
    keys.available = False
    for ask in (keys.current, keys.public_keys, keys.rotate):
        with pytest.raises(SigningUnavailable):
            ask()
