"""Kinds of approvals: each belongs to its room, and is known wherever somebody decides."""

from __future__ import annotations

import json
import subprocess
import sys

from local.docs.reading import PROJECT, modules, permissions
from shared.approvals.kinds import ApprovalKind

_SAMPLE = PROJECT / "local.settings.sample.json"


def declared() -> dict[str, str]:
    """Every kind of the product, and the room that declares it."""
    return {
        kind.name: module.__name__.split(".")[1]
        for module in modules()
        for kind in vars(module).values()
        if isinstance(kind, ApprovalKind)
    }


def test_a_kind_is_of_its_room_and_names_permissions_that_are_declared() -> None:
    assert declared()
    for name, room in declared().items():
        kind = ApprovalKind.registry[name]
        assert name.partition(".")[0] == room
        assert {kind.propose, kind.decide} <= permissions().keys()
        assert kind.propose != kind.decide
        assert kind.meaning.endswith(".")


def test_whoever_decides_knows_every_kind() -> None:
    """In a process that has imported nothing else of the product, as the command line does."""
    code = (
        "import json, pathlib, sys; from shared.bootstrap import build;"
        "build(json.loads(pathlib.Path(sys.argv[1]).read_text())['Values']).approvals;"
        "from shared.approvals.kinds import ApprovalKind;"
        "print(json.dumps(sorted(ApprovalKind.registry)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(_SAMPLE)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == sorted(declared())
