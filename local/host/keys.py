"""Function, host and master keys: what `authLevel` asks of a caller."""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from local.host.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of this app: one master, host keys for every function, keys per function."""

    master: str = field(repr=False)
    host: Mapping[str, str] = field(repr=False, default_factory=dict)
    functions: Mapping[str, Mapping[str, str]] = field(repr=False, default_factory=dict)

    @classmethod
    def generate(cls) -> Self:
        return cls(secrets.token_urlsafe(32), {"default": secrets.token_urlsafe(32)})

    @classmethod
    def parse(cls, text: str, origin: str) -> Self:
        """Read `{"master": …, "host": {name: key}, "functions": {function: {name: key}}}`."""
        try:
            document = json.loads(text)
            keys = cls(
                master=document["master"],
                host=dict(document.get("host", {})),
                functions={
                    name.lower(): dict(own) for name, own in document.get("functions", {}).items()
                },
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                f'{origin} must be JSON such as {{"master": "…", "host": {{"default": "…"}}}}'
            ) from error
        everything: list[object] = list(keys.everything())
        if not all(isinstance(key, str) and key for key in everything):
            raise SettingsError(f"{origin}: every key must be a text that is not empty")
        return keys

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a keys file; a missing one is made, readable by its owner alone."""
        if path.exists():
            return cls.parse(path.read_text(encoding="utf-8"), str(path))
        keys = cls.generate()
        path.touch(mode=0o600)
        path.write_text(keys.to_json() + "\n", encoding="utf-8")
        return keys

    def to_json(self) -> str:
        return json.dumps(
            {"master": self.master, "host": dict(self.host), "functions": dict(self.functions)}
        )

    def everything(self) -> Iterable[str]:
        yield self.master
        yield from self.host.values()
        for own in self.functions.values():
            yield from own.values()

    def is_master(self, key: str | None) -> bool:
        return key is not None and _same(key, self.master)

    def admit(self, level: str, function: str, key: str | None) -> bool:
        """Whether `key` satisfies an `authLevel`; the master key satisfies every level.

        A function key opens its own function, a host key every one, and neither opens ADMIN.
        """
        if level == "ANONYMOUS":
            return True
        if key is None:
            return False
        if _same(key, self.master):
            return True
        if level != "FUNCTION":
            return False
        own = self.functions.get(function.lower(), {})
        return any(_same(key, known) for known in (*self.host.values(), *own.values()))


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())
