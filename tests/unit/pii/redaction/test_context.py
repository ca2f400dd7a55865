"""Weak values count only where something says what they are."""

from __future__ import annotations

import pytest

from shared.pii.redaction import Kind, KnownValue

WEAK_PEOPLE = ("Will", "May", "Mark", "Lee", "Bo", "Ford", "Lincoln", "Summer")


@pytest.mark.parametrize("name", WEAK_PEOPLE)
def test_a_weak_name_alone_stays(redact, name):
    for sentence in ("{} be back, may mark it, will do", "Customer states {} is fine", "in {}"):
        text = sentence.format(name)
        assert redact(text, [KnownValue(Kind.PERSON, name)]) == text


@pytest.mark.parametrize("name", ["Will", "May", "Mark", "Lee", "Ford", "Summer"])
@pytest.mark.parametrize(
    "sentence",
    ["Mr. {} called", "Spoke with {} today", "MRS {} CALLED", "name: {}", "Herr {} kommt"],
)
def test_a_weak_name_behind_a_cue_goes(redact, name, sentence):
    spelled = name.upper() if sentence.isupper() else name
    text = redact(sentence.format(spelled), [KnownValue(Kind.PERSON, name)])
    assert "[PERSON_" in text


def test_a_common_word_in_capitals_behind_a_role_stays(redact):
    text = "CUSTOMER WILL BRING VEHICLE BACK, CUSTOMER MAY WAIT"
    known = [KnownValue(Kind.PERSON, "Will"), KnownValue(Kind.PERSON, "May")]
    assert redact(text, known) == text


@pytest.mark.parametrize("text", ["Will Ashgrove", "Ashgrove, Will", "Will Q. Ashgrove"])
def test_a_weak_name_beside_the_other_name_goes(redact, text):
    redacted = redact(text, [KnownValue(Kind.PERSON, "Will"), KnownValue(Kind.PERSON, "Ashgrove")])
    assert "Will" not in redacted
    assert redacted.count("[PERSON_") == 1


PLACE = (
    KnownValue(Kind.CITY, "Springfield"),
    KnownValue(Kind.STATE, "IL"),
    KnownValue(Kind.POSTAL_CODE, "62704"),
)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Springfield, IL 62704", {"CITY", "STATE", "POSTAL_CODE"}),
        ("SPRINGFIELD IL 62704", {"CITY", "STATE", "POSTAL_CODE"}),
        ("Springfield, Illinois", {"CITY", "STATE"}),
        ("62704 Springfield", {"CITY", "POSTAL_CODE"}),
        ("zip code 62704", {"POSTAL_CODE"}),
        ("PLZ: 62704", {"POSTAL_CODE"}),
        ("customer lives in Springfield", {"CITY"}),
    ],
)
def test_a_place_in_an_address_goes(redact, text, kinds):
    redacted = redact(text, PLACE)
    assert {kind for kind in ("CITY", "STATE", "POSTAL_CODE") if f"[{kind}_" in redacted} == kinds


@pytest.mark.parametrize(
    "text",
    [
        "part 62704 installed",
        "the Springfield plant",
        "ill",
        "SPRINGFIELD IN JUNE",
        "Springfield in June",
        "62704 miles",
    ],
)
def test_a_place_or_number_alone_stays(redact, text):
    assert redact(text, [*PLACE, KnownValue(Kind.STATE, "IN")]) == text


def test_a_plate_of_bare_digits_needs_its_word(redact):
    known = [KnownValue(Kind.PLATE, "482116")]
    assert redact("odometer 482116", known) == "odometer 482116"
    assert "[PLATE_" in redact("license plate: 482116", known)


def test_the_caller_overrules_the_judgement(redact):
    strong = [KnownValue(Kind.CITY, "Springfield", strong=True)]
    weak = [KnownValue(Kind.PERSON, "Ashgrove", strong=False)]
    assert "[CITY_" in redact("the Springfield plant", strong)
    assert redact("the Ashgrove plant", weak) == "the Ashgrove plant"


def test_a_weak_place_that_cannot_count_hides_no_neighbour(redact):
    known = [
        KnownValue(Kind.PERSON, "Ashgrove", strong=True),
        KnownValue(Kind.PERSON, "Will"),
        KnownValue(Kind.CITY, "Will Ash"),
    ]
    assert "Will" not in redact("Will Ashgrove called", known)
