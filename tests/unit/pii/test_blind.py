"""Blind indexes: one digest for one identifier, however it is spelled, and none for none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.pii.blind import IdentifierKind, identifier

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
K = IdentifierKind


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        (
            K.PHONE,
            [
                "(206) 555-0143",
                "206.555.0143",
                "+1 206 555 0143",
                "12065550143",
                "001-206-555-0143",
                "\uff12\uff10\uff16\uff15\uff15\uff15\uff10\uff11\uff14\uff13",
            ],
        ),
        (K.VIN, ["1M8GDM9AXKP042788", "1m8gdm9axkp042788", " 1M8 GDM9A XKP0-42788 "]),
        (K.PLATE, ["QZX 4711", "qzx-4711", "QZX4711", "\uff51\uff5a\uff584711"]),
        (K.EMAIL, ["W.Q@Mail.Example", " w.q@mail.example ", "w.q@MAIL.EXAMPLE"]),
        (K.NAME, ["Ann  Lee", "ann lee", "ANN\tLEE", " Ann\N{NO-BREAK SPACE}Lee "]),
        (K.NAME, ["Ren\N{LATIN SMALL LETTER E WITH ACUTE}", "RENE\N{COMBINING ACUTE ACCENT}"]),
        (K.ADDRESS, ["1 Main St", "1  MAIN  st"]),
    ],
)
def test_spellings_of_one_identifier_have_one_digest(kind, spellings) -> None:
    """000-B: normalised before hashing."""
    found = {identifier(KEY, kind, spelling).digest for spelling in spellings}
    assert len(found) == 1


@settings(deadline=None)
@given(
    st.sampled_from(list(K)),
    st.lists(st.from_regex(r"[A-Za-z0-9]{1,12}", fullmatch=True), min_size=1, max_size=3),
)
def test_case_and_space_never_matter_and_the_key_always_does(kind, parts) -> None:
    """Across tenants one identifier has unrelated digests."""
    plain = identifier(KEY, kind, *parts)
    loud = identifier(KEY, kind, *(f"  {part.upper()} " for part in parts))
    assert plain == loud
    if plain is not None:
        assert identifier(OTHER, kind, *parts).digest != plain.digest
        assert len(plain.digest) == 32


@settings(deadline=None)
@given(st.text(min_size=1, max_size=10), st.text(min_size=1, max_size=10))
def test_parts_are_never_mixed_up(first: str, second: str) -> None:
    """Where one part ends and the next begins is part of what is hashed."""
    two, one = identifier(KEY, K.NAME, first, second), identifier(KEY, K.NAME, first + second)
    assert two is None or one is None or two.digest != one.digest


def test_a_kind_is_part_of_the_digest() -> None:
    assert len({identifier(KEY, kind, "4711").digest for kind in K}) == len(K)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (K.PHONE, ("call me",)),
        (K.PHONE, ("",)),
        (K.VIN, ("---",)),
        (K.EMAIL, ("  ",)),
        (K.NAME, ("", "Smith")),
        (K.NAME, ("Ann", " ")),
        (K.PLATE, ("QZX 4711", "")),
        (K.ADDRESS, ("", "", "")),
    ],
)
def test_an_identifier_that_lacks_a_part_identifies_nobody(kind, parts) -> None:
    """D14: half a name would make one person of all who share it."""
    assert identifier(KEY, kind, *parts) is None


def test_an_identifier_never_shows_its_digest() -> None:
    found = identifier(KEY, K.VIN, "1M8GDM9AXKP042788")
    assert found.digest.hex() not in repr(found)
    assert repr(found.digest) not in repr(found)
