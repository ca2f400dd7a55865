"""From the vaulted values of a record to everything to look for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from shared.pii.redaction.folding import fold_value, squeeze
from shared.pii.redaction.model import RANK_PART, RANK_WHOLE, Kind, KnownValue
from shared.pii.redaction.names import full_names, person_needles
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
from shared.pii.redaction.streets import street_needles
from shared.pii.redaction.validity import VIN_LENGTH

_LONG_PHONE: Final = 7
_SPEAKING: Final = 10  # letters of an address that mean it even without its @
_ZIP: Final = 5
_ZIP_PLUS_4: Final = 9


def needles_of(known: Sequence[KnownValue]) -> dict[bytes, list[Needle]]:
    """Return the needles of a record by their letters; the first value to claim one names it."""
    found: dict[bytes, list[Needle]] = {}
    for needle in _all(known):
        peers = found.setdefault(needle.letters, [])
        for index, peer in enumerate(peers):
            if peer.kind is needle.kind:
                peers[index] = peer._replace(
                    strong=peer.strong or needle.strong, rank=max(peer.rank, needle.rank)
                )
                break
        else:
            peers.append(needle)
    return found


def _all(known: Sequence[KnownValue]) -> Iterator[Needle]:
    folded = [(value, fold_value(value.value).strip()) for value in known]
    # Full names first, so that a name that is part of one leads to the person.
    folded.sort(key=lambda pair: pair[0].kind is Kind.PERSON and len(person_tokens(pair[1])) == 1)
    for value, view in folded:
        if squeeze(view):
            yield from _BY_KIND[value.kind](value, view)
    singles = [
        person_tokens(view)
        for value, view in folded
        if value.kind is Kind.PERSON and value.strong is not False
    ]
    for first, last in pairwise(singles):
        if len(first) == len(last) == 1:
            yield from full_names([*first, *last])


def _whole(value: KnownValue, folded: bytes, shape: Shape) -> Iterator[Needle]:
    letters = squeeze(folded)
    weak = len(letters) <= SHORT or (
        value.kind is Kind.PLATE and (letters.isdigit() or is_common(letters))
    )
    strong = value.strong if value.strong is not None else not weak
    normal = normal_form(value.kind, folded)
    breaks = breaks_of(folded) if shape is Shape.DOTTED else NO_BREAKS
    yield Needle(letters, value.kind, normal, shape, strong, RANK_WHOLE, breaks)


def _number(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    return _whole(value, folded, Shape.NUMBER)


def _code(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    return _whole(value, folded, Shape.CODE)


def _address(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    return _whole(value, folded, Shape.DOTTED)


def _postal_code(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    letters = squeeze(folded)
    strong = value.strong is True
    normal = normal_form(value.kind, folded)
    yield Needle(letters, value.kind, normal, Shape.NUMBER, strong, RANK_WHOLE)
    if letters.isdigit() and len(letters) == _ZIP_PLUS_4:
        area = letters[:_ZIP]
        yield Needle(area, value.kind, area.decode(), Shape.NUMBER, strong, RANK_PART)


def _phone(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    code, national = phone_parts(folded)
    if not national:
        return
    strong = value.strong if value.strong is not None else len(national) >= _LONG_PHONE
    letters, normal, whole = national.encode(), code + national, code.encode()
    yield Needle(letters, value.kind, normal, Shape.PHONE, strong, RANK_WHOLE, whole=whole)
    if code == "1":  # the local seven digits, where they are written as a phone number is
        local, breaks = national[3:].encode(), frozenset({3})
        yield Needle(local, value.kind, normal, Shape.DOTTED, strong, RANK_PART, breaks, whole)


def _email(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    local, at, domain = folded.partition(b"@")
    strong = value.strong if value.strong is not None else bool(at)
    written = Needle(
        squeeze(folded), value.kind, normal_form(value.kind, folded), Shape.CODE, strong, RANK_WHOLE
    )
    if squeeze(local) and squeeze(domain) and len(written.letters) < _SPEAKING:
        at_sign = frozenset({len(squeeze(local))})
        yield written._replace(breaks=at_sign, glued=False)
    else:
        yield written
    if at:
        for spoken in {
            local + b"at" + domain,
            local + b"at" + domain.replace(b".", b"dot"),
            local + b"at" + domain.replace(b".", b"punkt"),
            local.replace(b".", b"dot") + b"at" + domain.replace(b".", b"dot"),
        }:
            letters = squeeze(spoken)
            yield Needle(letters, value.kind, written.normal, Shape.CODE, strong, RANK_WHOLE)


def _vin(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    vin = squeeze(folded)
    normal = normal_form(value.kind, folded)
    if len(vin) < VIN_LENGTH:  # a fragment; the eleven-character prefix is a vehicle fact
        strong = value.strong if value.strong is not None else len(vin) >= VIN_HEAD
        yield Needle(vin, value.kind, normal, Shape.CODE, strong, RANK_WHOLE)
        return
    strong = value.strong is not False
    for letters in (vin[-VIN_TAIL:], vin[:VIN_HEAD]):
        yield Needle(letters, value.kind, normal, Shape.VIN, strong, RANK_WHOLE, whole=vin)


def _place(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    strong = value.strong is True
    names = {folded}
    if value.kind is Kind.STATE:
        names |= STATES.get(folded, set())
    normal = min(names, key=len).decode(errors="replace")
    for name in names:
        breaks = breaks_of(name)
        yield Needle(squeeze(name), value.kind, normal, Shape.WORDS, strong, RANK_WHOLE, breaks)


_BY_KIND: Final[dict[Kind, Callable[[KnownValue, bytes], Iterable[Needle]]]] = {
    Kind.PERSON: person_needles,
    Kind.PHONE: _phone,
    Kind.EMAIL: _email,
    Kind.VIN: _vin,
    Kind.PLATE: _code,
    Kind.STREET: street_needles,
    Kind.CITY: _place,
    Kind.STATE: _place,
    Kind.POSTAL_CODE: _postal_code,
    Kind.CARD: _number,
    Kind.IBAN: _code,
    Kind.IP: _address,
    Kind.SSN: _number,
}
