"""Values spelled with the escapes of HTML, URLs and JSON are seen through, with a way back."""

from __future__ import annotations

import html
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.pii.redaction import Kind, KnownValue, Leak, LeakCode, deterministic_leaks
from shared.pii.redaction.escapes import has_escapes, read

NAME = KnownValue(Kind.PERSON, "Jörg Mühlhäuser")
ENCODINGS = (
    lambda character: character,
    lambda character: f"&#{ord(character)};",
    lambda character: f"&#x{ord(character):X};",
    lambda character: "".join(f"%{byte:02X}" for byte in character.encode()),
    lambda character: f"\\u{ord(character):04x}",
)
SIGNS = st.text(st.sampled_from("&#%\\;ux0123456789abcdefämpn \ud83d😀"), max_size=40)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("O&#39;T &amp; S", "O'T & S"),
        ("a%20b%C3%A4%F0%9F%98%80", "a bä😀"),
        (r"\u00e4 \ud83d\ude00 \ud83d! a\nb \"x\"", 'ä 😀 \ud83d! a b "x"'),
        ("%C3 100% %zz &nope; &; &#; \\q", "%C3 100% %zz &nope; &; &#; \\q"),
        ("%C3%28", "%C3("),
    ],
)
def test_escapes_are_read_as_their_characters(text, said):
    assert read(text)[0] == said


@given(SIGNS)
@settings(max_examples=300)
def test_every_character_of_a_reading_has_a_place_in_the_text(text):
    said, origin = read(text)
    assert len(origin) == len(said) + 1
    assert origin == sorted(origin)
    assert origin[-1] == len(text)
    assert not text or origin[0] == 0
    if not has_escapes(text):
        assert said == text


@given(st.text(max_size=30))
def test_what_is_not_escaped_reads_as_the_libraries_have_it(text):
    plain = text.translate(str.maketrans("", "", "&%\\"))
    assert read(plain)[0] == plain
    assert read(html.escape(plain))[0] == plain
    assert read(plain + "%C3%A4")[0] == plain + unquote("%C3%A4")


@given(name=st.sampled_from(("Jörg Mühlhäuser", "MÜHLHÄUSER", "Muehlhaeuser")), data=st.data())
@settings(max_examples=300, deadline=None)
def test_no_way_to_escape_a_name_survives(redactor, name, data):
    """Whatever is escaped, nothing of the name is left and nothing beside it is lost."""
    ways = data.draw(st.lists(st.sampled_from(ENCODINGS), min_size=len(name), max_size=len(name)))
    spelled = "".join(way(character) for way, character in zip(ways, name, strict=True))
    redacted = redactor.redact({"f": f"noise, says {spelled}, when &lt; 5%"}, [NAME])["f"]
    assert redacted.text.startswith("noise, says [PERSON_")
    assert redacted.text.endswith("], when &lt; 5%")
    assert dict(redacted.replaced) == {Kind.PERSON: 1}


@given(before=SIGNS, after=SIGNS)
@settings(max_examples=300, deadline=None)
def test_what_looks_like_an_escape_hides_no_value_beside_it(redactor, before, after):
    once = redactor.redact({"f": f"{before} Mühlhäuser {after}"}, [NAME])["f"]
    assert "hlh" not in once.text
    assert not redactor.redact({"f": once.text}, [NAME])["f"].replaced


@pytest.mark.parametrize("text", ["100%5552345678", "x&5552345678;", "\\u5552345678"])
def test_a_number_behind_a_sign_is_still_a_number(redact, text):
    assert "5552345678" not in redact(text, [KnownValue(Kind.PHONE, "555-234-5678")])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("quill%40example.org", "EMAIL"),
        ("quill&#64;example.org", "EMAIL"),
        ("call%20312%2D555%2D0142", "PHONE"),
        ("owner\\u0020Elodie Quillfeather", "PERSON"),
    ],
)
def test_recognisers_see_through_escapes(redact, text, kind):
    assert f"[{kind}_" in redact(text, [])


@pytest.mark.parametrize(
    "text",
    [
        "Wear at 50%, A&P shop; C:\\new\\ford, torque 20%45 ft&lb;",
        "see [PERSON_k7q2mzx4]&#39;s note",
        "P0301 &amp; P0420, R&amp;I rotor 8L3Z-2001-B, 100%25 worn",
    ],
)
def test_escapes_without_a_value_stay_as_they_are(redact, text):
    assert redact(text) == text


def test_an_escaped_value_in_a_deterministic_field_is_a_leak():
    values = [("/a", "50% A&B"), ("/b", "M%C3%BChlh%C3%A4user"), ("/c", "Mühlhäuser")]
    assert deterministic_leaks(values, [NAME]) == [
        Leak("/b", LeakCode.DETERMINISTIC, Kind.PERSON),
        Leak("/c", LeakCode.DETERMINISTIC, Kind.PERSON),
    ]
