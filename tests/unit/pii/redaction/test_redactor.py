"""Leak checks: nothing leaves unless the same matchers find nothing."""

from __future__ import annotations

import dataclasses
import json

import pytest

from shared.pii.redaction import (
    KeyedPlaceholders,
    Kind,
    KnownMatcher,
    KnownValue,
    Leak,
    LeakCode,
    LeakFound,
    PatternRedactor,
    RedactedText,
    deterministic_leaks,
)


def _echo(_: Kind, normal: str) -> str:
    return f"<{normal}>"


def test_a_known_value_still_present_is_a_semantic_leak(customer):
    with pytest.raises(LeakFound) as caught:
        PatternRedactor(_echo).redact({"ok": "squeak", "cause": "Ashgrove called"}, customer)
    assert caught.value.field == "cause"
    assert caught.value.codes == (LeakCode.SEMANTIC,)


def test_a_pattern_still_present_is_a_pattern_leak():
    with pytest.raises(LeakFound) as caught:
        PatternRedactor(_echo).redact({"cause": "write to quill@example.org"}, [])
    assert caught.value.codes == (LeakCode.PATTERN,)


def test_a_leak_never_says_the_value(customer):
    with pytest.raises(LeakFound) as caught:
        PatternRedactor(_echo).redact({"cause": "Ashgrove, quill@example.org"}, customer)
    shown = f"{caught.value!r} {caught.value}"
    assert "shgrove" not in shown
    assert "quill" not in shown
    assert "PII_SEMANTIC_LEAK" in shown


def test_a_vaulted_value_in_a_deterministic_field_is_found(customer):
    values = [
        ("/model", "Civic"),
        ("/advisor_id", "A-17"),
        ("/invoice_number", "INV 555.234.5678"),
        ("/lines/0/op_code", "ashgrove"),
        ("/odometer_in", "62704"),
    ]
    assert deterministic_leaks(values, customer) == [
        Leak("/invoice_number", LeakCode.DETERMINISTIC, Kind.PHONE),
        Leak("/lines/0/op_code", LeakCode.DETERMINISTIC, Kind.PERSON),
    ]


def test_values_of_two_fields_never_make_one(customer):
    values = [("/a", "Zephyr"), ("/b", "ine"), ("/c", "555 234"), ("/d", "5678"), ("/e", "é")]
    assert deterministic_leaks(values, customer) == []
    assert deterministic_leaks([], customer) == []


def test_compiled_values_stand_wherever_plain_ones_do(redactor, customer):
    compiled = KnownMatcher(customer)
    assert list(compiled) == list(customer)
    texts = {"f": "Ashgrove called from 555-234-5678"}
    assert redactor.redact(texts, compiled) == redactor.redact(texts, customer)
    assert deterministic_leaks([("/f", texts["f"])], compiled)


def test_weak_values_are_no_deterministic_leak():
    known = [
        KnownValue(Kind.PERSON, "Ford"),
        KnownValue(Kind.CITY, "Austin"),
        KnownValue(Kind.STATE, "ME"),
    ]
    values = [("/make", "Ford"), ("/model", "Austin"), ("/lane", "Austin, ME")]
    assert deterministic_leaks(values, known) == []


@pytest.mark.parametrize(
    "text",
    [
        "[PERSON_abcd] called",
        "[PERSON_k7q2mzx4] called [PERSON_k7q2mzx4]",
        "[PHONE_55523456] [VIN_1hgcm826]",
        "customer [PERSON_k7q2mzx4], plate [PLATE_k7q2mzx4]",
        "[NOTHING_k7q2mzx4] [PERSON_] [PERSON_K7Q2MZX4] [[PERSON_k7q2mzx4]]",
        "[PERSON_k7q2mzx4",
    ],
)
def test_what_a_user_types_in_the_shape_of_a_placeholder_breaks_nothing(redact, text):
    assert redact(text) == text


def test_what_a_user_types_in_the_shape_of_a_placeholder_hides_nothing(redact):
    plate = [KnownValue(Kind.PLATE, "AB12CD34")]
    assert "ab12cd34" not in redact("see [PERSON_ab12cd34]", plate)
    assert "shgrove" not in redact("see [PERSON_ashgrove] and [PERSON_Ashgrove]")
    assert "5552345678" not in redact("see [PHONE_5552345678]")
    assert "3a004352" not in redact("see [VIN_3a004352]")


def test_a_person_named_person_does_not_break_placeholders(redact):
    known = [KnownValue(Kind.PERSON, "Elodie Person"), KnownValue(Kind.PERSON, "Vin")]
    once = redact("Elodie Person called, Mrs. Person waits", known)
    assert once.count("[PERSON_") == 2
    assert redact(once, known) == once


def test_redacted_text_is_not_made_by_hand():
    with pytest.raises(TypeError):
        RedactedText("raw", {})
    redacted = PatternRedactor(KeyedPlaceholders(b"k" * 32)).redact({"f": "squeak"}, [])["f"]
    with pytest.raises(TypeError):
        dataclasses.replace(redacted, text="raw")
    with pytest.raises(TypeError):
        redacted.replaced[Kind.VIN] = 1
    assert RedactedText.restored("squeak", {}) == redacted


def test_naughty_strings_never_break_the_redactor(redactor, customer, shared_data):
    strings = json.loads((shared_data / "bad_strings" / "dev" / "blns.json").read_text("utf-8"))
    assert len(strings) > 500
    for known in ([], customer, [KnownValue(kind, strings[40]) for kind in Kind]):
        for string in strings:
            once = redactor.redact({"f": string}, known)["f"].text
            again = redactor.redact({"f": once}, known)["f"]
            assert not again.replaced


def test_naughty_strings_as_values_never_break_the_redactor(redactor, shared_data):
    strings = json.loads((shared_data / "bad_strings" / "dev" / "blns.json").read_text("utf-8"))
    for string in strings:
        known = [KnownValue(kind, string) for kind in Kind]
        redactor.redact({"f": "The brake pedal vibrates at 45 mph."}, known)


@pytest.mark.parametrize(
    "text", ["\ud800", "a\udfffb 555-234-5678", "\x00\x01\x7f", "\u2028\u0085"]
)
def test_broken_unicode_is_text_like_any_other(redact, text):
    assert "555" not in redact(text)
