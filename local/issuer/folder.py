"""The issuer's folder: who it is, and its private keys, readable by their owner alone."""

from __future__ import annotations

import fcntl
import os
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import BaseModel, ConfigDict

_KEY_BITS = 2048


class Identity(BaseModel):
    """Who this issuer is; the same after a restart, so that allow-lists stay right."""

    model_config = ConfigDict(frozen=True)

    directory_id: str
    managed_identity: str
    """Object id of the identity that the managed identity endpoint speaks for."""
    identity_header: str
    """What a caller of that endpoint must know, as in App Service."""
    port: int = 0
    kids: tuple[str, ...] = ()
    """Published keys, the signing one last."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Reads and writes the issuer's files."""

    root: Path

    @property
    def _identity_file(self) -> Path:
        return self.root / "issuer.json"

    def read(self) -> Identity:
        """Return who the issuer is, deciding it the first time."""
        with self._lock():
            return self._decide()

    def keep_port(self, port: int) -> Identity:
        """Remember where the issuer was served last."""
        with self._lock():
            return self._keep(self._decide().model_copy(update={"port": port}))

    def add_key(self, *, keep_old: bool) -> Identity:
        """Make a new signing key; the old ones stay published if asked."""
        with self._lock():
            known = self._decide()
            old = known.kids if keep_old else ()
            return self._keep(known.model_copy(update={"kids": (*old, self._new_key())}))

    def key(self, kid: str) -> rsa.RSAPrivateKey:
        pem = self._key_file(kid).read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{self._key_file(kid)} holds no RSA key. Remove the folder.")
        return key

    def _decide(self) -> Identity:
        if self._identity_file.exists():
            return Identity.model_validate_json(self._identity_file.read_bytes())
        return self._keep(
            Identity(
                directory_id=str(uuid.uuid4()),
                managed_identity=str(uuid.uuid4()),
                identity_header=secrets.token_hex(16),
                kids=(self._new_key(),),
            )
        )

    def _new_key(self) -> str:
        kid = secrets.token_urlsafe(12)
        key = rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write_secret(self._key_file(kid), pem)
        return kid

    def _key_file(self, kid: str) -> Path:
        return self.root / f"{kid}.pem"

    def _keep(self, identity: Identity) -> Identity:
        draft = self._identity_file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        _write_secret(draft, identity.model_dump_json(indent=1).encode())
        draft.replace(self._identity_file)
        return identity

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time decide something; the kernel lets go when it dies."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.root / "issuer.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _write_secret(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(content)
