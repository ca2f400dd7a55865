"""A text of a megabyte made to be slow takes no more than its share."""

# ruff: noqa: RUF001 - letters that look like others are what is tested here

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from shared.pii.redaction import LeakFound

HOSTILE = {
    "one letter": "a",
    "at signs": "a@a.",
    "colons": "a:",
    "brackets": "[PERSON_(((",
    "roles": "customer owner Driver ",
    "cues": "call 555 ",
    "almost an address": "12 quince quince ",
    "almost a phone": "(555) 234-",
    "almost a name": "Zephyrin ashgrov ",
    "almost a vin": "1HGCM82633A0043 ",
    "names": "ashgrove zephyrine ",
    "weak names": "lee customer lee ",
    "weak places": "springfield il ",
    "marks": "e\u0301\u200b",
    "widths": "５ ｚ",
    "escapes": "&#39;%20\\u00e4",
    "names in escapes": "&#97;shgrove%20",
    "almost an escape": "&amp;amp%2",
    "half a character": "%C3\\ud83d",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_ten_times_the_text_takes_no_hundred_times_the_work(redactor, customer, unit):
    def spent(size):
        text = (unit * (size // len(unit) + 1))[:size]
        start = time.process_time()
        with suppress(LeakFound):
            redactor.redact({"f": text}, customer)
        return time.process_time() - start

    spent(2_000)
    # A quadratic step would cost a hundredfold; the constant forgives a busy machine.
    assert spent(100_000) <= 40 * spent(10_000) + 0.5


def test_a_megabyte_is_redacted(redact):
    text = redact("the brake pedal vibrates at 45 mph. " * 28_000 + "call Ashgrove")
    assert len(text) > 1_000_000
    assert "shgrove" not in text
