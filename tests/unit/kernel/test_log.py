"""Log lines: declared fields of a declared shape; free text has no way in."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kernel import log
from shared.kernel.errors import Unavailable

SHARED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


class Lines(logging.Handler):
    """What a console would show."""

    def __init__(self) -> None:
        super().__init__()
        self.formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")
        self.shown: list[str] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.shown.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    root, ours = logging.getLogger(), logging.getLogger(log.ROOT)
    levels = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


NAMES = (
    st.sampled_from(sorted(log.FIELDS)) | st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
).filter(lambda name: name not in ("name", "error"))
FREE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda t: "Zq " + t)


@settings(max_examples=150, **SHARED)
@given(
    st.dictionaries(
        NAMES,
        FREE | st.binary().map(repr) | st.lists(FREE) | st.dictionaries(FREE, FREE),
        max_size=5,
    ),
    FREE,
)
def test_free_text_never_appears_in_a_line(lines: Lines, fields, name: str) -> None:
    """000-R19, 000-R20: by construction, in whatever field and even as the event's name."""
    lines.shown.clear()
    log.event("test.happened", **fields)
    log.event(name)
    log.trouble("test.failed", ValueError(name), **fields)
    log.trouble("test.failed", psycopg.errors.UniqueViolation(name))
    for shown in lines.shown:
        assert "Zq " not in shown
        line = orjson.loads(shown.partition(" ")[2].partition(" ")[2])
        assert line.keys() <= log.FIELDS.keys() | {"event", "undeclared"}


@settings(max_examples=50, **SHARED)
@given(st.from_regex(r"[a-z_]{1,20}", fullmatch=True).filter(lambda name: name not in log.FIELDS))
def test_not_even_the_name_of_an_undeclared_field_is_kept(lines: Lines, name: str) -> None:
    lines.shown.clear()
    log._write(logging.INFO, "test.happened", {name: 1})
    assert orjson.loads(lines.shown[0].split(" ", 2)[2]) == {
        "event": "test.happened",
        "undeclared": "[unfit]",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digest", "2065550143"),
        ("contract", "Quastenflosser"),
        ("tenant_id", "qzx4711"),
        ("code", "Has Spaces"),
        ("count", True),
        ("count", "12"),
        ("count", 1.5),
        ("status", None.__class__),
        ("place", "a b.py:1"),
        ("traceparent", "00-zz"),
    ],
)
def test_a_value_out_of_shape_is_not_kept(lines: Lines, field: str, value) -> None:
    log.event("test.happened", **{field: value})
    assert orjson.loads(lines.shown[0].split(" ", 2)[2])[field] == "[unfit]"


def test_what_fits_is_kept(lines: Lines) -> None:
    fields = {
        "call_id": "cal_" + "0" * 26,
        "code": "ingest.in_flight",
        "contract": "repair-order.v2",
        "records": 5,
        "milliseconds": 1.5,
        "digest": "ab" * 32,
        "status": 200,
    }
    log.event("http.served", **fields, error=None)
    assert orjson.loads(lines.shown[0].split(" ", 2)[2]) == {"event": "http.served", **fields}


def test_an_error_is_told_by_type_code_and_place(lines: Lines) -> None:
    def fail() -> None:
        raise Unavailable("Wilhelmine was here")

    try:
        fail()
    except Unavailable as error:
        log.trouble("test.failed", error)
    line = orjson.loads(lines.shown[0].split(" ", 2)[2])
    place = line.pop("place")
    assert line == {"event": "test.failed", "error": "Unavailable", "code": "ops.unavailable"}
    assert place.startswith("kernel/test_log.py:")


@settings(max_examples=50, **SHARED)
@given(FREE, st.sampled_from(["azure.core", "psycopg.pool", "urllib3", "root", "x.opsplane"]))
def test_the_text_of_libraries_is_not_kept(lines: Lines, text: str, name: str) -> None:
    """Drivers write queries, URLs and headers into their lines and their exceptions."""
    log.quieten_libraries()
    log.quieten_libraries()
    lines.shown.clear()
    lines.records.clear()
    logger = logging.getLogger(name)
    logger.warning(text)
    logger.error("value %s", text)
    try:
        int(text)
    except ValueError:
        logger.exception(text)
    assert len(lines.shown) == 3
    assert all(text not in shown and "Zq " not in shown for shown in lines.shown)
    assert all(record.exc_info is None and not record.args for record in lines.records)
