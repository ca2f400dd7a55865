"""Bodies that must be refused, over HTTP: always a 4xx problem with a stable code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.factories import an_order
from tests.support.fix_plane import Plane

_CODE = re.compile(r"(ingest|ops)\.[a-z_]+")


@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson"])
def test_no_broken_json_is_ever_a_server_error(plane: Plane, shared_data: Path, media: str) -> None:
    """000-R15: every n_ file of JSONTestSuite is a 4xx; the app is as well after as before."""
    folder = shared_data / "bad_json_parsing" / "dev" / "test_parsing"
    files = sorted(folder.glob("n_*.json"))
    assert files
    wrong = []
    for file in files:
        body = file.read_bytes()
        answer = plane.post(body=body, Content_Type=media)
        problem = answer.headers["Content-Type"].startswith("application/problem+json")
        if not (
            400 <= answer.status_code < 500 and problem and _CODE.fullmatch(answer.json()["code"])
        ):
            wrong.append((file.name, answer.status_code))
    assert wrong == []
    assert plane.post(an_order(1)).status_code in (200, 201)


def test_an_empty_body_is_a_client_error(plane: Plane) -> None:
    answer = plane.post(body=b"")
    assert (answer.status_code, answer.json()["code"]) == (400, "ingest.body_unreadable")


def test_what_json_leaves_open_is_never_a_server_error(plane: Plane, shared_data: Path) -> None:
    """i_ files may be read or refused; y_ files are read and then break the contract."""
    folder = shared_data / "bad_json_parsing" / "dev"
    files = [*folder.glob("test_parsing/[iy]_*.json"), *folder.glob("test_transform/*.json")]
    assert files
    answers = [plane.post(body=file.read_bytes()) for file in files]
    assert {answer.status_code for answer in answers} <= {400, 422}
