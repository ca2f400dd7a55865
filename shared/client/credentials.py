"""What proves who sends: from the environment, a file or Azure, never from the command line."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.client.errors import SenderUnknown
from shared.identity.verification import API_KEY

_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class StaticKey:
    """A static API key, where the environment takes them (local_parity)."""

    key: str

    def headers(self) -> Mapping[str, str]:
        """Return the header that carries the key. Raises `SenderUnknown`."""
        if not _TOKEN.fullmatch(self.key):
            raise SenderUnknown("The static key is not one: it has spaces or other signs")
        return {API_KEY: self.key}

    def renew(self) -> None:
        """There is no other key."""


class Token:
    """A bearer token and where it comes from; fetched when needed and after a refusal."""

    def __init__(self, fetch: Callable[[], str]) -> None:
        """Fetch nothing yet. ``fetch`` raises an error of shape `Unauthenticated`."""
        self._fetch = fetch
        self._token = ""
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        """Return the header that carries the token. Raises what ``fetch`` raises."""
        with self._lock:
            if not self._token:
                token = self._fetch()
                # Else the header could not be written, and the error would show the token.
                if not _TOKEN.fullmatch(token):
                    raise SenderUnknown("The token is not one: it has spaces or other signs")
                self._token = token
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> None:
        """Forget the token, so that the next request fetches one."""
        with self._lock:
            self._token = ""


def token_file(path: str) -> Token:
    """Return the token of a file, which is read again when the token was refused."""

    def read() -> str:
        try:
            found = Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise SenderUnknown("The token file cannot be read") from None
        if not found:
            raise SenderUnknown("The token file is empty")
        return found

    return Token(read)
