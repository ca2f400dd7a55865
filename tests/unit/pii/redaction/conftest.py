"""An invented customer, and a redactor with an invented key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from shared.pii.redaction import KeyedPlaceholders, Kind, KnownValue, PatternRedactor

type Redact = Callable[..., str]

CUSTOMER = (
    KnownValue(Kind.PERSON, "Zephyrine Ashgrove"),
    KnownValue(Kind.PERSON, "Lee"),
    KnownValue(Kind.PHONE, "(555) 234-5678"),
    KnownValue(Kind.EMAIL, "zeph.ashgrove@example.com"),
    KnownValue(Kind.VIN, "1HGCM82633A004352"),
    KnownValue(Kind.PLATE, "KXR-4821"),
    KnownValue(Kind.STREET, "742 North Evergreen Terrace"),
    KnownValue(Kind.CITY, "Springfield"),
    KnownValue(Kind.STATE, "IL"),
    KnownValue(Kind.POSTAL_CODE, "62704"),
)


@pytest.fixture(scope="session")
def redactor() -> PatternRedactor:
    return PatternRedactor(KeyedPlaceholders(b"tenant one, thirty-two bytes long"))


@pytest.fixture(scope="session")
def customer() -> Sequence[KnownValue]:
    return CUSTOMER


@pytest.fixture(scope="session")
def redact(redactor: PatternRedactor) -> Redact:
    """Redact one text; what is known defaults to the invented customer."""

    def redact_one(text: str, known: Sequence[KnownValue] = CUSTOMER) -> str:
        return redactor.redact({"notes": text}, known)["notes"].text

    return redact_one
