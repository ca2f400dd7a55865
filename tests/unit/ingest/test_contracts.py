"""Contracts as data: what holds for every contract file, and for those that ship."""

from __future__ import annotations

import re

import pytest

from shared.ingest.contracts import (
    ContractBroken,
    FieldClass,
    FieldType,
    named,
    parse,
    policy_document,
    shipped,
)
from shared.ingest.errors import ContractUnknown
from shared.policy.service import revision_of

BASE = """
title = "T"
event_class = "t"
event_id = ["id"]
event_time = "at"
dedupe_scope = "tenant"
partition_key = ["id"]
partitioning_profile = "p.v1"

[fields]
id = { class = "deterministic", type = "text", required = true }
at = { class = "deterministic", type = "date", required = true }
who = { class = "pii", type = "text", kind = "person" }
note = { class = "semantic", type = "text" }
maybe = { class = "deterministic", type = "text" }
total = { class = "deterministic", type = "decimal", scale = 2 }
thin = { class = "deterministic", type = "decimal", scale = 1 }
lines = { class = "deterministic", type = "list", of = "line" }

[shapes.line]
n = { class = "deterministic", type = "integer", required = true }
hours = { class = "deterministic", type = "decimal", scale = 2 }
rate = { class = "deterministic", type = "decimal", scale = 2 }
cost = { class = "deterministic", type = "decimal", scale = 2 }
said = { class = "semantic", type = "text" }
"""


def rule(text: str) -> str:
    return BASE + "\n[[rules]]\n" + text


def test_the_base_of_these_tests_is_a_contract() -> None:
    contract = parse("t.v1", BASE)
    assert contract.guarded
    assert not contract.per_run
    assert parse("t.v1", BASE.replace('"tenant"', '"run"')).per_run


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BASE.replace('event_id = ["id"]', 'event_id = ["who"]'), "event_id needs deterministic"),
        (BASE.replace('event_id = ["id"]', 'event_id = ["note"]'), "event_id needs deterministic"),
        (BASE.replace('event_id = ["id"]', 'event_id = ["gone"]'), "event_id needs deterministic"),
        (BASE.replace('event_id = ["id"]', 'event_id = ["maybe"]'), "must be required"),
        (BASE.replace('event_id = ["id"]', "event_id = []"), "event_id names no field"),
        (BASE.replace('event_id = ["id"]', 'event_id = ["id", "lines"]'), "event_id names a list"),
        (BASE.replace('partition_key = ["id"]', 'partition_key = ["who"]'), "partition_key needs"),
        (BASE.replace('partition_key = ["id"]', 'partition_key = ["lines"]'), "names a list"),
        (BASE.replace('partition_key = ["id"]', 'partition_key = ["maybe"]'), "is required"),
        (BASE.replace('event_time = "at"', 'event_time = "who"'), "event_time needs"),
        (BASE.replace('event_time = "at"', 'event_time = "id"'), "event_time is a date or"),
        (
            BASE.replace('type = "date", required = true', 'type = "date"'),
            "event_time must be required",
        ),
        (
            BASE.replace('said = { class = "semantic"', 'said = { class = "pii"'),
            "pii inside a list",
        ),
        (BASE.replace('class = "pii", type = "text"', 'class = "pii", type = "date"'), "be text"),
        (
            BASE.replace('class = "semantic", type = "text"', 'class = "semantic", type = "date"'),
            "must be text",
        ),
        (BASE.replace('of = "line"', 'of = "other"'), "unknown shape"),
        (BASE.replace("maybe =", "Maybe ="), "is not a field name"),
        (BASE.replace('dedupe_scope = "tenant"', 'dedupe_scope = "world"'), "neither run nor"),
        (BASE + '[[identifiers]]\nkind="name"\nfields=["id"]\nstrength="weak"\n', "needs pii"),
        (BASE + '[[identifiers]]\nkind="name"\nfields=["gone"]\nstrength="weak"\n', "needs pii"),
        (
            BASE + '[[identifiers]]\nkind="name"\nfields=["who"]\nstrength="so-so"\n',
            "neither strong",
        ),
        (rule('kind = "guess"'), "no rule is called"),
        (rule('kind="product"\nwithin=["gone"]\ntarget="cost"\nfactors=["hours","rate"]'), "lines"),
        (rule('kind="product"\nwithin=["id"]\ntarget="cost"\nfactors=["hours","rate"]'), "lines"),
        (rule('kind="product"\nwithin=["lines"]\ntarget="x"\nfactors=["hours","rate"]'), "cent: x"),
        (rule('kind="product"\nwithin=["lines"]\ntarget="cost"\nfactors=["n","rate"]'), "cent: n"),
        (rule('kind="sum"\ntarget="thin"\nplus=["total"]\nminus=[]'), "cent: thin"),
        (rule('kind="sum"\ntarget="total"\nplus=["gone"]\nminus=[]'), "cent: gone"),
        (rule('kind="sum_of_lines"\ntarget="cost"\nwithin=["lines"]\nfield="cost"'), "cent: cost"),
        (rule('kind="sum_of_lines"\ntarget="total"\nwithin=["lines"]\nfield="n"'), "cent: n"),
        (rule('kind="counted"\nwithin=["lines"]\nfield="cost"'), "a count needs an integer"),
        (rule('kind="counted"\nwithin=[]\nfield="n"'), "a count needs an integer"),
        (BASE.replace('title = "T"', ""), "title"),
        (BASE.replace('type = "date"', 'type = "moment"'), "moment"),
        (BASE.replace('kind = "person"', 'kind = "soul"'), "SOUL"),
        (BASE.replace('kind = "person"', "length = 5"), "length"),
        ("= nonsense", "TOML"),
        (BASE.replace('type = "text" }\ntotal', 'type = "text", pattern = "(" }\ntotal'), "maybe"),
    ],
)
def test_a_contract_that_breaks_a_rule_for_contracts_is_refused(text: str, says: str) -> None:
    """Design 4: found when the release is built, with the name of what is wrong."""
    assert text != BASE
    with pytest.raises(ContractBroken) as refused:
        parse("t.v1", text)
    assert "t.v1" in str(refused.value)
    assert says in str(refused.value)


def test_a_contract_without_pii_or_free_text_is_not_guarded() -> None:
    text = "\n".join(line for line in BASE.splitlines() if not re.match("(who|note|said) ", line))
    assert not parse("t.v1", text).guarded


@pytest.mark.parametrize("name", shipped())
def test_no_shipped_contract_breaks_the_classes(name: str) -> None:
    """000-B: mutually exclusive classes by name; personal data in no list and in no identity."""
    contract = shipped()[name]
    for shape in contract.shapes.values():
        assert not [f for f in shape.values() if f.field_class is FieldClass.PII]
    for key in (*contract.event_id, *contract.partition_key, contract.event_time):
        assert contract.fields[key].field_class is FieldClass.DETERMINISTIC
    for field in contract.fields.values():
        if field.field_class is FieldClass.PII:
            assert field.kind is not None, field.name
        if field.type is FieldType.TEXT:
            assert 0 < field.max_length <= 20_000


def test_the_policy_revision_is_a_digest_of_everything_a_contract_says() -> None:
    """002-R13: one character of any contract is another policy."""
    original = revision_of(policy_document({"t.v1": parse("t.v1", BASE)}))
    for old, new in (
        ('title = "T"', 'title = "U"'),
        ("p.v1", "p.v2"),
        ('class = "semantic", type = "text" }\nmaybe', 'class = "pii", type = "text" }\nmaybe'),
        ("scale = 1", "scale = 3"),
    ):
        changed = parse("t.v1", BASE.replace(old, new))
        assert revision_of(policy_document({"t.v1": changed})) != original
    again = parse("t.v1", "# a comment\n" + BASE)
    assert revision_of(policy_document({"t.v1": again})) == original


def test_an_unknown_contract_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(ContractUnknown) as refused:
        named("repair-orders.v2")
    assert "repair-order.v2" in str(refused.value)
