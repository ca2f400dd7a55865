"""On real complaints the facts about vehicles survive, and little else is touched."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from shared.pii.redaction import Kind, KnownValue

FACTS = {
    "fault codes": re.compile(r"\b[PBCU][0-3][0-9A-F]{3}\b"),
    "mileage": re.compile(r"\b\d{1,3},\d{3}\b|\b\d+ ?(?:MILES|KM)\b", re.IGNORECASE),
    "speed": re.compile(r"\b\d+ ?MPH\b", re.IGNORECASE),
    "prices": re.compile(r"\$ ?\d[\d,.]*"),
    "dates": re.compile(r"\b\d{1,2}/\d{1,2}/\d{2,4}\b"),
    "campaigns": re.compile(r"\b\d{2}[VE]-?\d{3,6}\b"),
}


@pytest.fixture(scope="module")
def complaints(shared_data):
    path = shared_data / "ro_nhtsa_complaints" / "dev" / "nhtsa_complaints_dev.jsonl"
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def redacted(complaints, redactor):
    return [redactor.redact({"n": each["narrative"]}, [])["n"] for each in complaints]


def test_at_most_one_character_in_a_hundred_is_replaced(complaints, redacted):
    total = sum(len(each["narrative"]) for each in complaints)
    placeholder = re.compile(r"\[[A-Z_]+_[0-9a-z]{8}\]")
    kept = sum(len(placeholder.sub("", each.text)) for each in redacted)
    assert len(complaints) > 4000
    assert total - kept <= total / 100


@pytest.mark.parametrize("fact", FACTS)
def test_facts_survive(complaints, redacted, fact):
    pattern = FACTS[fact]
    before = sum(len(pattern.findall(each["narrative"])) for each in complaints)
    after = sum(len(pattern.findall(each.text)) for each in redacted)
    assert before > 0
    assert after >= before * 0.995


@pytest.mark.parametrize("field", ["make", "model", "component"])
def test_words_of_the_vehicle_survive(complaints, redacted, field):
    def mentions(texts):
        counted = Counter()
        for complaint, text in zip(complaints, texts, strict=True):
            upper = text.upper()
            counted.update(
                word for word in (complaint[field] or "").upper().split() if word in upper
            )
        return counted.total()

    before = mentions([each["narrative"] for each in complaints])
    assert mentions([each.text for each in redacted]) >= before * 0.998


def test_a_vin_prefix_survives_even_where_the_vin_is_known(complaints, redact):
    prefixes = {each["vin11"] for each in complaints if len(each["vin11"] or "") == 11}
    assert len(prefixes) > 1000
    changed = 0
    for prefix in sorted(prefixes)[:1500]:
        text = f"vehicle {prefix} stalls"
        changed += redact(text, [KnownValue(Kind.VIN, prefix + "004352")]) != text
    assert changed == 0


def test_known_values_planted_in_complaints_never_survive(complaints, redactor, customer):
    spellings = [
        "zephyrine ASHGROVE",
        "555 234 5678",
        "3A004352",
        "kxr 4821",
        "742 n evergreen ter.",
    ]
    survivors = 0
    for index, complaint in enumerate(complaints[::5]):
        words = complaint["narrative"].split(" ")
        words.insert(len(words) // 2, spellings[index % len(spellings)])
        text = redactor.redact({"n": " ".join(words)}, customer)["n"].text.lower()
        survivors += any(
            part in text for part in ("zephyrine", "ashgrove", "555 234", "004352", "4821", "742 n")
        )
    assert survivors == 0
