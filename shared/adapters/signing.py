"""Signing keys: in plain files for development, and their in-memory twin."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from shared.kernel.canonical import content_address
from shared.kernel.settings import Environment
from shared.ledger.errors import SigningKeyMissing, SigningUnavailable

_HOME = "home"
"""The file that says what the keys beside it seal for."""


class UnsafePlaintextSigningKeys:
    """Keeps each Ed25519 key in a PKCS8 file, readable by whoever can read the folder.

    Files are numbered; the one with the highest number signs. Staging and production refuse this,
    here and in the settings.
    """

    def __init__(self, folder: Path, environment: Environment) -> None:
        """Use ``folder``. Raises ``ValueError`` in staging and production."""
        if environment in (Environment.STAGING, Environment.PRODUCTION):
            raise ValueError(f"plain-text keys are refused in {environment}")
        self._folder = folder
        self._loaded: dict[str, tuple[str, Ed25519PrivateKey]] = {}

    def current(self) -> str:
        """Return the id of the key that signs now; makes the first one."""
        files = self._files()
        if not files:
            self._make(1)
            files = self._files()
        return self._load(files[-1])[0]

    def sign(self, key_id: str, data: bytes) -> bytes:
        """Return the signature under one key."""
        for file in reversed(self._files()):
            found, key = self._load(file)
            if found == key_id:
                return key.sign(data)
        raise SigningKeyMissing

    def rotate(self) -> str:
        """Make a new key that signs from now on."""
        files = self._files()
        self._make(int(files[-1].stem) + 1 if files else 1)
        return self.current()

    def public_keys(self) -> Mapping[str, bytes]:
        """Return the public keys by id."""
        loaded = [self._load(file) for file in self._files()]
        return {key_id: key.public_key().public_bytes_raw() for key_id, key in loaded}

    def pin_home(self, home: str) -> str:
        """Keep what these keys seal for, once, and return what is kept."""
        kept = self.pinned_home()
        if kept is None:
            self._put(_HOME, home.encode())
            kept = self.pinned_home()
        return kept or home

    def pinned_home(self) -> str | None:
        """Return what these keys seal for."""
        try:
            return (self._folder / _HOME).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SigningUnavailable from error

    def _files(self) -> list[Path]:
        try:
            return sorted(self._folder.glob("*.pkcs8"))
        except OSError as error:
            raise SigningUnavailable from error

    def _load(self, file: Path) -> tuple[str, Ed25519PrivateKey]:
        if file.name not in self._loaded:
            try:
                key = load_der_private_key(file.read_bytes(), None)
            except OSError as error:
                raise SigningUnavailable from error
            except ValueError:
                raise SigningKeyMissing("A signing key's file is not a key") from None
            if not isinstance(key, Ed25519PrivateKey):
                raise SigningKeyMissing("A signing key's file is not an Ed25519 key")
            self._loaded[file.name] = (_id_of(key), key)
        return self._loaded[file.name]

    def _make(self, number: int) -> None:
        key = Ed25519PrivateKey.generate()
        self._put(
            f"{number:06}.pkcs8",
            key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        )

    def _put(self, name: str, content: bytes) -> None:
        """Write a file unless it is there."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Written beside and linked into place: a crash leaves a whole file or none, and of two
            # makers of one name the second finds what the first one made.
            draft = self._folder / f"{name}.{os.getpid()}.{os.urandom(4).hex()}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                with suppress(FileExistsError):
                    os.link(draft, self._folder / name)
            finally:
                draft.unlink()
        except OSError as error:
            raise SigningUnavailable from error


class MemorySigningKeys:
    """The same in memory, for tests of what stands above."""

    def __init__(self) -> None:
        """Begin without a key."""
        self._keys: dict[str, Ed25519PrivateKey] = {}
        self._home: str | None = None
        self._lock = threading.Lock()
        self.available = True

    def current(self) -> str:
        """Return the id of the key that signs now; makes the first one."""
        self._answer()
        with self._lock:
            return next(reversed(self._keys), None) or self._make()

    def sign(self, key_id: str, data: bytes) -> bytes:
        """Return the signature under one key."""
        self._answer()
        if key_id not in self._keys:
            raise SigningKeyMissing
        return self._keys[key_id].sign(data)

    def rotate(self) -> str:
        """Make a new key that signs from now on."""
        self._answer()
        with self._lock:
            return self._make()

    def public_keys(self) -> Mapping[str, bytes]:
        """Return the public keys by id."""
        self._answer()
        return {key_id: key.public_key().public_bytes_raw() for key_id, key in self._keys.items()}

    def pin_home(self, home: str) -> str:
        """Keep what these keys seal for, once, and return what is kept."""
        self._answer()
        with self._lock:
            self._home = self._home or home
            return self._home

    def pinned_home(self) -> str | None:
        """Return what these keys seal for."""
        self._answer()
        return self._home

    def _make(self) -> str:
        key = Ed25519PrivateKey.generate()
        self._keys[_id_of(key)] = key
        return _id_of(key)

    def _answer(self) -> None:
        if not self.available:
            raise SigningUnavailable


def _id_of(key: Ed25519PrivateKey) -> str:
    return content_address(key.public_key().public_bytes_raw())
