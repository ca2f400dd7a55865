"""authLevel and keys (functions-host 3.3)."""

from __future__ import annotations

import json
import stat

import pytest

from local.host.keys import Keys
from local.host.settings import SettingsError

_KEYS = Keys("m", {"default": "h"}, {"one": {"default": "f"}})


@pytest.mark.parametrize(
    ("level", "function", "key", "admitted"),
    [
        ("ANONYMOUS", "one", None, True),
        ("ANONYMOUS", "one", "wrong", True),
        ("FUNCTION", "one", None, False),
        ("FUNCTION", "one", "wrong", False),
        ("FUNCTION", "one", "f", True),
        ("FUNCTION", "One", "f", True),
        ("FUNCTION", "two", "f", False),
        ("FUNCTION", "two", "h", True),
        ("FUNCTION", "two", "m", True),
        ("ADMIN", "one", "f", False),
        ("ADMIN", "one", "h", False),
        ("ADMIN", "one", "m", True),
        ("FUNCTION", "one", "ключ", False),
    ],
)
def test_key_opens_what_its_kind_opens(level, function, key, admitted):
    # functions-host 3.3: master satisfies all, host keys every function, a function key its own
    assert _KEYS.admit(level, function, key) is admitted


def test_keys_do_not_show_in_a_repr():
    assert "'m'" not in repr(_KEYS)


def test_missing_keys_file_is_made_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys.json"
    made = Keys.read(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Keys.read(path) == made
    assert made.master != Keys.generate().master


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"master": ""}', '{"master": 1}'])
def test_wrong_keys_are_refused(text):
    with pytest.raises(SettingsError, match="keys"):
        Keys.parse(text, "keys.json")


def test_keys_survive_the_round_trip():
    assert Keys.parse(_KEYS.to_json(), "test") == _KEYS
    assert set(json.loads(_KEYS.to_json())) == {"master", "host", "functions"}
