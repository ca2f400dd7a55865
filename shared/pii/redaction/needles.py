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
            yield from _needles(value, view)
    singles = [
        person_tokens(view)
        for value, view in folded
        if value.kind is Kind.PERSON and value.strong is not False
    ]
    for first, last in pairwise(singles):
        if len(first) == len(last) == 1:
            yield from full_names([*first, *last])


def _needles(value: KnownValue, folded: bytes) -> Iterable[Needle]:
    match value.kind:
        case Kind.PERSON:
            return _person(value, folded)
        case Kind.PHONE:
            return _phone(value, folded)
        case Kind.EMAIL:
            return _email(value, folded)
        case Kind.VIN:
            return _vin(value, folded)
        case Kind.STREET:
            return _street(value, folded)
        case Kind.CITY | Kind.STATE:
            return _place(value, folded)
        case Kind.IP:
            return _whole(value, folded, Shape.DOTTED)
        case Kind.CARD | Kind.SSN | Kind.POSTAL_CODE:
            return _whole(value, folded, Shape.NUMBER)
        case _:
            return _whole(value, folded, Shape.CODE)


def _whole(value: KnownValue, folded: bytes, shape: Shape) -> Iterator[Needle]:
    letters = squeeze(folded)
    weak = (
        len(letters) <= SHORT
        or value.kind is Kind.POSTAL_CODE
        or (value.kind is Kind.PLATE and (letters.isdigit() or is_common(letters)))
    )
    strong = value.strong if value.strong is not None else not weak
    normal = normal_form(value.kind, folded)
    breaks = breaks_of(folded) if shape is Shape.DOTTED else frozenset()
    yield Needle(letters, value.kind, normal, shape, strong, RANK_WHOLE, breaks)
    if value.kind is Kind.POSTAL_CODE and letters.isdigit() and len(letters) == 9:  # noqa: PLR2004
        yield Needle(letters[:5], value.kind, normal, shape, False, RANK_PART)


def _phone(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    code, national = phone_parts(folded)
    if not national:
        return
    normal = code + national
    strong = value.strong if value.strong is not None else len(national) >= _LONG_PHONE
    yield Needle(
        national.encode(), Kind.PHONE, normal, Shape.PHONE, strong, RANK_WHOLE, whole=code.encode()
    )
    if code == "1":  # the local seven digits, when written as a phone number is
        local = national[3:].encode()
        local_breaks = frozenset({3})
        yield Needle(local, Kind.PHONE, normal, Shape.DOTTED, strong, RANK_PART, local_breaks)


def _email(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    normal = normal_form(Kind.EMAIL, folded)
    local, _, domain = folded.partition(b"@")
    spoken = {
        squeeze(folded),
        squeeze(local + b"at" + domain),
        squeeze(local + b"at" + domain.replace(b".", b"dot")),
        squeeze(local.replace(b".", b"dot") + b"at" + domain.replace(b".", b"dot")),
        squeeze(local + b"at" + domain.replace(b".", b"punkt")),
    }
    strong = value.strong if value.strong is not None else True
    for letters in spoken:
        yield Needle(letters, Kind.EMAIL, normal, Shape.CODE, strong, RANK_WHOLE)


def _vin(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    vin = squeeze(folded)
    if len(vin) < VIN_LENGTH:  # a fragment; the eleven-character prefix is a vehicle fact
        strong = value.strong if value.strong is not None else len(vin) > VIN_HEAD
        yield Needle(vin, Kind.VIN, vin.decode(errors="replace"), Shape.CODE, strong, RANK_WHOLE)
        return
    normal = vin.decode(errors="replace")
    strong = value.strong is not False
    for letters in (vin[-VIN_TAIL:], vin[:VIN_HEAD]):
        yield Needle(letters, Kind.VIN, normal, Shape.VIN, strong, RANK_WHOLE, whole=vin)


def _place(value: KnownValue, folded: bytes) -> Iterator[Needle]:
    strong = value.strong is True
    names = {folded}
    if value.kind is Kind.STATE:
        names |= STATES.get(folded, set())
    normal = min(names, key=len).decode(errors="replace")
    for name in names:
        breaks = breaks_of(name)
        yield Needle(squeeze(name), value.kind, normal, Shape.WORDS, strong, RANK_WHOLE, breaks)
