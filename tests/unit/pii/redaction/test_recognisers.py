"""What looks personal and proves it is replaced; what only looks like it stays."""

from __future__ import annotations

import re

import pytest

from shared.pii.redaction import DEFAULT, Kind, KnownValue
from shared.pii.redaction.linear import Linear, screen

FOUND = [
    ("EMAIL", "quill@example.org"),
    ("EMAIL", "Quill.Feather+shop@mail.example.co.uk"),
    ("EMAIL", "jörg@müller-beispiel.de"),
    ("EMAIL", "quill (at) example (dot) org"),
    ("PHONE", "(312) 555-0142"),
    ("PHONE", "312-555-0142"),
    ("PHONE", "312.555.0142"),
    ("PHONE", "312 555 0142"),
    ("PHONE", "1-312-555-0142"),
    ("PHONE", "+1 312 555 0142"),
    ("PHONE", "call 3125550142"),
    ("PHONE", "call 555-0142"),
    ("PHONE", "+49 151 23456789"),
    ("PHONE", "0151 23456789"),
    ("PHONE", "0151/23456789"),
    ("PHONE", "089/1234567"),
    ("PHONE", "Tel.: 089 1234567"),
    ("PHONE", "(030) 9876-543"),
    ("PHONE", "0049 30 9876543"),
    ("PHONE", "+43 1 5879654"),
    ("PHONE", "+44 20 7946 0958"),
    ("VIN", "1HGCM82633A004352"),
    ("VIN", "vin 1HGCM 82633 A004352"),
    ("VIN", "FIN: WVWZZZ1JZXW000123"),
    ("CARD", "4111 1111 1111 1111"),
    ("CARD", "378282246310005"),
    ("CARD", "5555-5555-5555-4444"),
    ("IBAN", "DE89 3704 0044 0532 0130 00"),
    ("IBAN", "GB82WEST12345698765432"),
    ("IP", "192.0.2.17"),
    ("IP", "2001:db8::8a2e:370:7334"),
    ("SSN", "512-34-6789"),
    ("SSN", "SSN 512346789"),
    ("PERSON", "Mr. Quillfeather"),
    ("PERSON", "MR QUILLFEATHER"),
    ("PERSON", "Mr. Ford"),
    ("PERSON", "Dr Elodie Quillfeather"),
    ("PERSON", "Herr Özbrand"),
    ("PERSON", "Frau Dr. Brandhuber"),
    ("PERSON", "Frau von Brandhuber"),
    ("PERSON", "customer Elodie Quillfeather"),
    ("PERSON", "technician: Fionn"),
    ("PERSON", "Kundin Ilse Brandhuber"),
    ("PERSON", "service advisor Fionn O'Tarrigan"),
    ("PERSON", "customer name: ELODIE QUILLFEATHER"),
    ("PERSON", "my name is Elodie"),
    ("STREET", "1204 Quince Street"),
    ("STREET", "1204 N. Quince Ave., Apt 4"),
    ("STREET", "1204 QUINCE AVE, SPRINGFIELD, IL 62704"),
    ("STREET", "1204 Quince Drive"),
    ("STREET", "Quittenstraße 12a"),
    ("STREET", "Quittenstr. 12"),
    ("STREET", "Lindenallee 3, 80331 München"),
    ("STREET", "P.O. Box 1234"),
]

KEPT = [
    "P0420 and U0100 stored, B1318 cleared",
    "62,310 miles, 101000 km, 45 mph",
    "$1,234.56 for parts, EUR 99,90, total $5552345678",
    "on 12/04/2023 and 2023-04-12 and 01.02.2024 at 10:30:45",
    "open 0830-1730, 9-5",
    "part 8L3Z-19A123-B, 06770-SNA-A80ZA, 11 42 7 566 327, 12345678",
    "part number 312-5550142, case number 3125550142",
    "teilenummer 0986 494 123",
    "recall campaign 15V-246, NHTSA id 1129747200",
    "vin prefix 1HGCM82633A",
    "1HGCM82643A004352",  # seventeen characters, wrong check digit
    "4111 1111 1111 1112",  # fails Luhn
    "DE88370400440532013000",  # fails mod 97
    "000-12-3456 666-12-3456 912-34-5678 123-00-4567",  # never issued
    "999.1.2.3 and software version 10.2.3.4",
    "std::vector a::b 10:30:45 ::",
    "Customer states Ford Focus stalls. Customer States noise. Driver Side mirror. Owner Manual",
    "CUSTOMER STATES VEHICLE STALLS. DRIVER DOOR. MS THE VEHICLE. OWNER FORD FOCUS",
    "2 miles down the road, 4 wheel drive, 35 mph on a city street, 4 way stop, 2 lane highway",
    "2015 Ford Escape Drive shaft",
    "Bearing 2, Spring 2015, Parkplatz 5",
    "the driver said Toyota advised",
]


@pytest.mark.parametrize(
    ("kind", "text"), FOUND, ids=[f"{k}-{i}" for i, (k, _) in enumerate(FOUND)]
)
@pytest.mark.parametrize("sentence", ["{}", "See {} for it.", "noted: {}, thanks"])
def test_a_proven_pattern_is_replaced(redact, kind, text, sentence):
    redacted = redact(sentence.format(text), [])
    assert f"[{kind}_" in redacted
    digits = [character for character in redacted.partition("[")[0] if character.isdigit()]
    assert not digits


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_personal_stays(redact, text):
    assert redact(text, []) == text


def test_the_longest_stretch_goes_so_that_no_end_of_it_stays(redact):
    assert redact("1204 Quince Ave, Springfield, IL 62704-1234!", []).endswith("]!")
    assert redact("a.quill@example.org", []).startswith("[EMAIL_")


def test_a_name_ends_where_the_sentence_goes_on(redact):
    assert redact("Mr. Quillfeather Stated noise", []).endswith("] Stated noise")
    assert redact("customer Elodie Quillfeather's Toyota", []).endswith("]'s Toyota")


def test_every_expression_is_linear_by_construction():
    assert all(isinstance(each.pattern, Linear) for each in DEFAULT)


def test_a_screen_names_what_occurs_however_many_states_that_takes():
    occurring = screen(each.source for each in DEFAULT)
    text = b"\xc3\xa9 customer " * 50_000 + b"quill@example.org P.O. Box 12"
    hits = [index for index, each in enumerate(DEFAULT) if each.pattern.search(text)]
    assert sorted(occurring(text)) == hits
    assert hits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (KnownValue(Kind.EMAIL, "a.quill@example.org"), "a.quill@example.org.de"),
        (KnownValue(Kind.PHONE, "312-555-0142"), "call 312-555-0142 / 312-555-0199"),
        (KnownValue(Kind.PHONE, "312-555-0142"), "312-555-0142 555-0199 312-555-0143"),
    ],
)
def test_a_known_value_never_hides_what_goes_on_behind_it(redact, value, text):
    """What a recogniser finds within a known value nobody judges; beyond it everybody does."""
    left = redact(text, [value])
    assert not re.search(r"0199$|0143|de$", left)
