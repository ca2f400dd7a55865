"""Folding keeps a way back: every stretch of the folded view is whole characters of the text."""

# ruff: noqa: RUF001 - letters that look like others are what is tested here

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.pii.redaction.folding import Folded, fold_value, squeeze


@given(st.text(st.characters(), max_size=80))
@settings(max_examples=300)
def test_offsets_lead_back_to_whole_characters(text):
    folded = Folded(text)
    assert len(folded.cased) == len(folded.lower)
    starts = [folded.original(index, index + 1)[1:] for index in range(len(folded.lower))]
    assert all(0 <= start < end <= len(text) for start, end in starts)
    assert starts == sorted(starts)
    if folded.lower:
        _, start, end = folded.original(0, len(folded.lower))
        assert fold_value(text[start:end]) == folded.lower or folded.typed


@given(st.text(st.characters(), max_size=80))
@settings(max_examples=300)
def test_folding_twice_changes_nothing(text):
    once = fold_value(text)
    assert fold_value(once.decode()) == once


@given(st.text(st.characters(), max_size=80))
@settings(max_examples=300)
def test_positions_say_where_each_squeezed_byte_stands(text):
    folded = Folded(text)
    assert bytes(folded.lower[position] for position in folded.positions) == folded.squeezed


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Müßig", b"mussig"),
        ("MÜSSIG", b"mussig"),
        (unicodedata.normalize("NFD", "Élodie"), b"elodie"),
        ("Ｆｕｌｌ１２", b"full12"),
        ("a\u200b\u00ad\ufeffb", b"ab"),
        ("٠١٢", b"012"),
        ("O’Tarrigan—x", b"o'tarrigan-x"),
        ("Łódź Ærø ﬁn", b"lodz aero fin"),
        ("\ud800", b" "),
    ],
)
def test_spellings_fold_to_one(text, folded):
    assert fold_value(text) == folded


def test_squeezing_keeps_letters_and_digits():
    assert squeeze(b"a-b. (12)_\xd0\xb8") == b"ab12\xd0\xb8"
