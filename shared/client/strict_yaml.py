"""YAML that means what it says: no guessed types, no repeated keys, no references.

YAML 1.1 reads ``no`` as false, ``2024-01-02`` as a date and ``012`` as ten; a table of a mapping
would quietly mean something else. Here only ``true``, ``false``, ``null`` and plain numbers are
more than text.
"""

from __future__ import annotations

import re
from typing import Any, override

import yaml

LARGEST = 1_048_576
"""Bytes of a mapping file."""


class NotRead(ValueError):
    """The text is not YAML of this kind; the message names a line and says what is wrong."""


class _Loader(yaml.SafeLoader):
    # Not the inherited table: it is shared with every other loader of the process.
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - yaml's own name and shape

    @override
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.get_mark().line + 1
            raise NotRead(f"line {line}: references (*name) are not read")
        return super().compose_node(parent, index)

    @override
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, (dict, list)):
                raise NotRead(f"line {line}: a key is text or a number")
            # One spelling for tables: a column's values are text, whatever YAML makes of a key.
            name = (
                "null" if key is None else str(key).lower() if isinstance(key, bool) else str(key)
            )
            if name in found:
                raise NotRead(f"line {line}: the key {name} appears twice")
            found[name] = self.construct_object(value_node, deep=True)
        return found


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_mapping)
for _tag, _form, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_form})$"), list(_first)
    )


def load(text: str) -> Any:
    """Return what a text says. Raises `NotRead`."""
    if len(text) > LARGEST:
        raise NotRead("the file is too large")
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        place = f"line {at.line + 1}: " if at else ""
        raise NotRead(place + (error.problem or "not YAML")) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise NotRead("not YAML") from error
    finally:
        loader.dispose()
