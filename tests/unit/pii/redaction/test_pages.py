"""All fields of a record are looked at as one page, and each as if it stood alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.pii.redaction import deterministic_leaks
from shared.pii.redaction.folding import FIELD_BREAK, Folded

PIECES = st.sampled_from(
    (
        *"Zephyrine Ashgrove Lee lee Mr. with customer owner Springfield IL 62704 VIN".split(),
        *"742 North Evergreen Terrace (555) 234-5678 555 1HGCM82633A 004352 KXR 4821 +1".split(),
        *"zeph ashgrove @example.com at example dot com 4111 1111 1111 &#32; %20 é [VIN_ ]".split(),
        *"12 Quince Street name: ELODIE QUILLFEATHER brake, . - : / \\n \x01 \x1e [ P.O.".split(),
        *("\n", "\t", "", " ", FIELD_BREAK, "\x1e" * 47, "[PERSON_k7q2mzx4]"),
    )
)
TEXTS = st.lists(st.lists(PIECES, max_size=6).map(" ".join), max_size=6)


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_a_field_is_redacted_as_if_it_stood_alone(redactor, customer, texts):
    fields = {f"/{index}": text for index, text in enumerate(texts)}
    together = redactor.redact(fields, customer)
    assert list(together) == list(fields)
    for name, text in fields.items():
        assert together[name] == redactor.redact({name: text}, customer)[name]


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_a_field_is_checked_as_if_it_stood_alone(customer, texts):
    fields = [(f"/{index}", text) for index, text in enumerate(texts)]
    alone = [leak for field in fields for leak in deterministic_leaks([field], customer)]
    assert deterministic_leaks(fields, customer) == alone


@pytest.mark.parametrize("joint", ["", " ", "\n", "\x01", "\x1e"])
def test_capitals_are_those_of_the_field(joint):
    folded = Folded(FIELD_BREAK.join(("no capitals", "A Capital" + joint, "none")))
    assert [
        folded.has_capitals_at(folded.lower.index(word)) for word in (b"no ", b"a ", b"none")
    ] == [False, True, False]
    assert not Folded("").has_capitals_at(0)
