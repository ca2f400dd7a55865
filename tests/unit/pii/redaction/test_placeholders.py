"""Placeholders are stable under one key, different under another, and say nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pii.redaction import KeyedPlaceholders, Kind, KnownValue

ONE, TWO = b"1" * 32, b"2" * 32


@given(st.sampled_from(Kind), st.text())
def test_a_placeholder_is_stable_under_one_key_and_different_under_another(kind, normal):
    first = KeyedPlaceholders(ONE)(kind, normal)
    assert first == KeyedPlaceholders(ONE)(kind, normal)
    assert first != KeyedPlaceholders(TWO)(kind, normal)
    assert re.fullmatch(rf"\[{kind}_[0-9a-hjkmnp-tv-z]{{8}}\]", first)


def test_equal_values_of_two_kinds_differ_in_more_than_the_label():
    placeholders = KeyedPlaceholders(ONE)
    assert (
        placeholders(Kind.VIN, "x").rpartition("_")[2]
        != placeholders(Kind.PLATE, "x").rpartition("_")[2]
    )


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="32"):
        KeyedPlaceholders(b"short")


def test_memory_of_made_placeholders_is_bounded_and_forgetting_changes_nothing():
    placeholders = KeyedPlaceholders(ONE)
    first = placeholders(Kind.VIN, "first")
    for number in range(40_000):
        placeholders(Kind.VIN, str(number))
    assert len(placeholders._made) < 40_000
    assert placeholders(Kind.VIN, "first") == first


SAME = [
    (KnownValue(Kind.PHONE, "(312) 555-0142"), "312.555.0142"),
    (KnownValue(Kind.PHONE, "3125550142"), "+1 312 555 0142"),
    (KnownValue(Kind.PHONE, "089 1234567"), "+49 89 1234567"),
    (KnownValue(Kind.EMAIL, "Quill@Example.org"), "quill@example.ORG"),
    (KnownValue(Kind.VIN, "1HGCM82633A004352"), "1hgcm82633a004352"),
    (KnownValue(Kind.PERSON, "Élodie Quillfeather"), "Mrs. Elodie Quillfeather"),
    (KnownValue(Kind.PERSON, "Quillfeather, Elodie"), "Mrs. Elodie Quillfeather"),
    (KnownValue(Kind.CARD, "4111111111111111"), "4111-1111-1111-1111"),
    (KnownValue(Kind.IBAN, "DE89370400440532013000"), "de89 3704 0044 0532 0130 00"),
    (KnownValue(Kind.STREET, "1204 North Quince Street"), "1204 N. Quince St"),
    (KnownValue(Kind.IP, "2001:DB8:0::1:2"), "2001:db8::1:2"),
    (KnownValue(Kind.SSN, "512346789"), "512-34-6789"),
]


@pytest.mark.parametrize(
    ("value", "text"), SAME, ids=[f"{v.kind}-{i}" for i, (v, _) in enumerate(SAME)]
)
def test_a_known_value_and_a_recognised_spelling_have_one_placeholder(redact, value, text):
    tokens = re.compile(r"\[[A-Z_]+_\w{8}\]")
    known, recognised = tokens.findall(redact(text, [value])), tokens.findall(redact(text, []))
    assert len(known) == 1
    assert known == recognised
    assert known == tokens.findall(redact(f"is {value.value}", [value]))


def test_nothing_shows_a_value_or_a_key(redactor, customer):
    redacted = redactor.redact({"notes": "Ashgrove called"}, customer)["notes"]
    assert "called" not in repr(redacted)
    assert "shgrove" not in repr(customer)
    assert "1111" not in repr(KeyedPlaceholders(ONE))
