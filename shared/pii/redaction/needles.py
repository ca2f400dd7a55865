"""From the vaulted values of a record to what to look for in one text.

Most spellings of a value occur in no text of its record, so a value is spelled out in two steps.
A `Source` is made once and cheap: it knows a few letters that every spelling of its value holds.
Only where some of these occur are spellings worked out, and of those only the ones that occur
themselves become needles. Whatever is left out stands nowhere in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple

from shared.pii.redaction.context import ADDRESS, may_be_cued
from shared.pii.redaction.folding import Folded, fold_value, squeeze
from shared.pii.redaction.model import RANK_PART, RANK_WHOLE, Kind, KnownValue
from shared.pii.redaction.names import Person, full_names, name_of
from shared.pii.redaction.needle import (
    NO_BREAKS,
    SHORT,
    VIN_HEAD,
    VIN_TAIL,
    Needle,
    Shape,
    breaks_of,
    is_common,
)
from shared.pii.redaction.normal import normal_form, person_tokens, phone_parts
from shared.pii.redaction.states import STATES
from shared.pii.redaction.streets import sign_of_street, street_needles
from shared.pii.redaction.validity import VIN_LENGTH

_LONG_PHONE: Final = 7
_SPEAKING: Final = 10  # letters of an address that mean it even without its @
_ZIP: Final = 5
_ZIP_PLUS_4: Final = 9


class Source(NamedTuple):
    """What one known value is found by."""

    kind: Kind
    signs: Sequence[bytes]
    """Letters: no spelling of the value stands in a text that holds none of these."""
    needles: Callable[[bytes], Iterable[Needle]]
    """The spellings of the value that occur among the letters of a text."""
    contextual: bool = False
    """Whether it counts only beside another part of an address, or behind a word for it."""

    def __repr__(self) -> str:
        """Say nothing: all of it is the value."""
        return "<source>"


def sources_of(known: Sequence[KnownValue]) -> list[Source]:
    """Return the sources of a record; the first that claims some letters names what they are."""
    sources: list[Source] = []
    singles: list[tuple[KnownValue, bytes, list[bytes]]] = []
    for value in known:
        folded = fold_value(value.value).strip()
        if value.kind is Kind.PERSON:
            tokens = person_tokens(folded)
            if len(tokens) == 1:
                singles.append((value, folded, tokens))
            else:
                sources.append(_person(value, folded, tokens))
        elif letters := squeeze(folded):
            sources.append(_BY_KIND[value.kind](value, folded, letters))
    # Full names first, so that a name that is part of one leads to the person.
    sources += [_person(*single) for single in singles]
    given = [name_of(*tokens) for value, _, tokens in singles if value.strong is not False]
    sources += [
        Source(Kind.PERSON, (last.letters,), partial(full_names, [first, last], ""))
        for first, last in pairwise(given)
    ]
    return sources


def occurring(sources: Iterable[Source], letters: bytes) -> list[Source]:
    """Return the sources of which these letters hold a sign."""
    found: list[Source] = []
    for source in sources:
        for sign in source.signs:
            if sign in letters:
                found.append(source)
                break
    return found


def needles_of(sources: Iterable[Source], folded: Folded) -> dict[bytes, list[Needle]]:
    """Return what of these values occurs in a text, by its letters."""
    letters = folded.squeezed
    signed = occurring(sources, letters)
    places = {source.kind for source in signed if source.kind in ADDRESS}
    found: dict[bytes, list[Needle]] = {}
    for source in signed:
        if source.contextual and len(places) == 1 and not may_be_cued(folded, source.kind):
            continue
        for needle in source.needles(letters):
            _add(found.setdefault(needle.letters, []), needle)
    return found


def _add(peers: list[Needle], needle: Needle) -> None:
    for index, peer in enumerate(peers):
        if peer.kind is needle.kind:
            peers[index] = peer._replace(
                strong=peer.strong or needle.strong, rank=max(peer.rank, needle.rank)
            )
            return
    peers.append(needle)


def _person(value: KnownValue, folded: bytes, tokens: list[bytes]) -> Source:
    person = Person(value, folded, tokens)
    return Source(Kind.PERSON, person.signs, person.needles)


def _whole(shape: Shape, value: KnownValue, folded: bytes, letters: bytes) -> Source:
    def needles(_: bytes) -> Iterator[Needle]:
        weak = len(letters) <= SHORT or (
            value.kind is Kind.PLATE and (letters.isdigit() or is_common(letters))
        )
        strong = value.strong if value.strong is not None else not weak
        normal = normal_form(value.kind, folded)
        breaks = breaks_of(folded) if shape is Shape.DOTTED else NO_BREAKS
        yield Needle(letters, value.kind, normal, shape, strong, RANK_WHOLE, breaks)

    return Source(value.kind, (letters,), needles)


def _postal_code(value: KnownValue, folded: bytes, letters: bytes) -> Source:
    area = letters[:_ZIP] if letters.isdigit() and len(letters) == _ZIP_PLUS_4 else b""

    def needles(within: bytes) -> Iterator[Needle]:
        strong = value.strong is True
        if letters in within:
            normal = normal_form(value.kind, folded)
            yield Needle(letters, value.kind, normal, Shape.NUMBER, strong, RANK_WHOLE)
        if area:
            yield Needle(area, value.kind, area.decode(), Shape.NUMBER, strong, RANK_PART)

    return Source(value.kind, (area or letters,), needles, value.strong is not True)


def _phone(value: KnownValue, folded: bytes, _: bytes) -> Source:
    code, national = phone_parts(folded)
    whole, letters = code.encode(), national.encode()
    local = letters[3:] if code == "1" else b""

    def needles(within: bytes) -> Iterator[Needle]:
        strong = value.strong if value.strong is not None else len(national) >= _LONG_PHONE
        normal = code + national
        if letters in within:
            yield Needle(letters, value.kind, normal, Shape.PHONE, strong, RANK_WHOLE, whole=whole)
        if local:  # the local seven digits, where they are written as a phone number is
            breaks = frozenset({3})
            yield Needle(local, value.kind, normal, Shape.DOTTED, strong, RANK_PART, breaks, whole)

    return Source(value.kind, (local or letters,) if national else (), needles)


def _email(value: KnownValue, folded: bytes, letters: bytes) -> Source:
    local, at, domain = folded.partition(b"@")

    def needles(within: bytes) -> Iterator[Needle]:
        strong = value.strong if value.strong is not None else bool(at)
        normal = normal_form(value.kind, folded)
        if letters in within:
            written = Needle(letters, value.kind, normal, Shape.CODE, strong, RANK_WHOLE)
            if len(letters) < _SPEAKING and squeeze(local) and squeeze(domain):
                at_sign = frozenset({len(squeeze(local))})
                written = written._replace(breaks=at_sign, glued=False)
            yield written
        if at:
            head, dotted = squeeze(local), squeeze(local.replace(b".", b"dot"))
            if head + b"at" not in within and dotted + b"at" not in within:
                return
            for spoken in (
                local + b"at" + domain,
                local + b"at" + domain.replace(b".", b"dot"),
                local + b"at" + domain.replace(b".", b"punkt"),
                local.replace(b".", b"dot") + b"at" + domain.replace(b".", b"dot"),
            ):
                said = squeeze(spoken)
                if said in within:
                    yield Needle(said, value.kind, normal, Shape.CODE, strong, RANK_WHOLE)

    return Source(value.kind, (squeeze(max(local.split(b"."), key=len)),), needles)


def _vin(value: KnownValue, folded: bytes, vin: bytes) -> Source:
    # Less of a VIN is a fragment; the eleven-character prefix is a vehicle fact.
    whole = len(vin) >= VIN_LENGTH
    spelled = (vin[-VIN_TAIL:], vin[:VIN_HEAD]) if whole else (vin,)

    def needles(within: bytes) -> Iterator[Needle]:
        normal = normal_form(value.kind, folded)
        if whole:
            strong = value.strong is not False
            for letters in spelled:
                if letters in within:
                    yield Needle(
                        letters, value.kind, normal, Shape.VIN, strong, RANK_WHOLE, whole=vin
                    )
        else:
            strong = value.strong if value.strong is not None else len(vin) >= VIN_HEAD
            yield Needle(vin, value.kind, normal, Shape.CODE, strong, RANK_WHOLE)

    return Source(value.kind, spelled, needles)


def _street(value: KnownValue, folded: bytes, _: bytes) -> Source:
    return Source(value.kind, (sign_of_street(folded),), partial(street_needles, value, folded))


def _place(value: KnownValue, folded: bytes, _: bytes) -> Source:
    names = STATES.get(folded, (folded,)) if value.kind is Kind.STATE else (folded,)

    def needles(within: bytes) -> Iterator[Needle]:
        normal = min(names, key=len).decode(errors="replace")
        strong = value.strong is True
        for name in names:
            letters = squeeze(name)
            if letters in within:
                breaks = breaks_of(name)
                yield Needle(letters, value.kind, normal, Shape.WORDS, strong, RANK_WHOLE, breaks)

    signs = [squeeze(name) for name in names]
    return Source(value.kind, signs, needles, value.strong is not True)


_BY_KIND: Final[dict[Kind, Callable[[KnownValue, bytes, bytes], Source]]] = {
    Kind.PHONE: _phone,
    Kind.EMAIL: _email,
    Kind.VIN: _vin,
    Kind.PLATE: partial(_whole, Shape.CODE),
    Kind.STREET: _street,
    Kind.CITY: _place,
    Kind.STATE: _place,
    Kind.POSTAL_CODE: _postal_code,
    Kind.CARD: partial(_whole, Shape.NUMBER),
    Kind.IBAN: partial(_whole, Shape.CODE),
    Kind.IP: partial(_whole, Shape.DOTTED),
    Kind.SSN: partial(_whole, Shape.NUMBER),
}
