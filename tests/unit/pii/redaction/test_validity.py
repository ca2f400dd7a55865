"""Checksums and tables accept the real thing and refuse its neighbour."""

from __future__ import annotations

import pytest

from shared.pii.redaction.validity import (
    calling_code,
    ip_address,
    is_card,
    is_iban,
    is_nanp,
    is_ssn,
    is_vin,
)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (is_vin, "1hgcm82633a004352", "1hgcm82643a004352"),
        (is_vin, "1m8gdm9axkp042788", "1m8gdm9axkp04278i"),
        (is_card, "4111111111111111", "4111111111111112"),
        (is_card, "378282246310005", "3782822463100051"),
        (is_iban, "de89370400440532013000", "de88370400440532013000"),
        (is_iban, "gb82west12345698765432", "gb82west1234569876543"),
        (is_ssn, "512346789", "666346789"),
        (is_ssn, "899346789", "900346789"),
        (is_nanp, "3125550142", "1125550142"),
    ],
)
def test_the_check_tells_them_apart(check, good, bad):
    assert check(good)
    assert not check(bad)


@pytest.mark.parametrize(
    ("digits", "code"), [("13125550142", "1"), ("4989123", "49"), ("35312345", "353")]
)
def test_calling_codes_have_no_prefix_in_common(digits, code):
    assert calling_code(digits) == code


def test_an_address_has_one_form():
    assert ip_address("2001:DB8:0:0:0:0:0:1") == ip_address("2001:db8::1") == "2001:db8::1"
    assert ip_address("256.1.1.1") is None
    assert ip_address("::") is None
