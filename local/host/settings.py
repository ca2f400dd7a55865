"""App settings: the environment over local.settings.json, and the names they are looked up by."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SETTING = re.compile(r"%([^%]+)%")
# The published key of Azurite's own account, which is no secret.
_PUBLISHED_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6"  # pragma: allowlist secret
    "IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # pragma: allowlist secret
)
# What `UseDevelopmentStorage=true` stands for.
_DEVELOPMENT = (
    f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_PUBLISHED_KEY};"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


class SettingsError(Exception):
    """A settings file or a setting that the host cannot use."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The app settings of this run."""

    values: Mapping[str, str]

    def resolve(self, template: str) -> str:
        """Replace each `%Name%` by that setting; an unknown name is an error, as in the host."""

        def value(match: re.Match[str]) -> str:
            found = self.values.get(match[1])
            if found is None:
                raise SettingsError(f"%{match[1]}% does not resolve to an app setting")
            return found

        return _SETTING.sub(value, template)

    def connection(self, name: str) -> str | None:
        """The connection string of a binding; the prefixed name wins, as in the host."""
        found = self.values.get(f"AzureWebJobs{name}") or self.values.get(name)
        if found and found.strip().rstrip(";").lower() == "usedevelopmentstorage=true":
            return _DEVELOPMENT
        return found or None

    def is_disabled(self, function: str) -> bool:
        names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs_{function}_Disabled")
        return any(self.values.get(name, "").lower() in {"1", "true"} for name in names)


def file_values(path: Path) -> dict[str, str]:
    """The "Values" of a local.settings.json; a missing file has none."""
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if document.get("IsEncrypted"):
        raise SettingsError(f"{path} is encrypted; decrypt it with func settings decrypt")
    values = document.get("Values", {})
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise SettingsError(f"{path}: values must be strings: {', '.join(wrong)}")
    return dict(values)
