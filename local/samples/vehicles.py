"""Vehicles, each with a chassis number whose check digit is right."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass

_MODELS = (
    ("1M8", "Lincoln", "MKZ"),
    ("1FT", "Ford", "F-150"),
    ("1HG", "Honda", "Accord"),
    ("2T1", "Toyota", "Corolla"),
    ("5YJ", "Tesla", "Model 3"),
    ("WDD", "Mercedes-Benz", "C 300"),
    ("WAU", "Audi", "A4"),
    ("WVW", "Volkswagen", "Golf"),
    ("KNA", "Kia", "Sportage"),
)
_COLORS = ("black", "white", "silver", "dark blue", "red", "grey")
_FIRST_YEAR = 2011
_LAST_YEAR = 2026
# From 2010 on, the tenth character tells the year; I, O, Q, U, Z and 0 are left out.
_YEARS = "BCDEFGHJKLMNPRST"
_PLANTS = sorted(set(string.ascii_uppercase) - set("IOQ"))
_CHARACTERS = [*_PLANTS, *string.digits]
# 49 CFR 565.15: what each character counts for, and the weight of its place.
_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_MODULUS = 11


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What stands in the workshop."""

    vin: str
    make: str
    model: str
    year: int
    color: str


def vehicle(draw: random.Random) -> Vehicle:
    maker, make, model = draw.choice(_MODELS)
    year = draw.randint(_FIRST_YEAR, _LAST_YEAR)
    kind = "".join(draw.choice(_CHARACTERS) for _ in range(5))
    serial = f"{draw.randrange(1_000_000):06}"
    rest = _YEARS[year - _FIRST_YEAR] + draw.choice(_PLANTS) + serial
    return Vehicle(_checked(maker + kind, rest), make, model, year, draw.choice(_COLORS))


def _checked(head: str, rest: str) -> str:
    sum_of = sum(
        _VALUES[character] * weight
        for character, weight in zip(f"{head}0{rest}", _WEIGHTS, strict=True)
    )
    remainder = sum_of % _MODULUS
    return f"{head}{'X' if remainder == _MODULUS - 1 else remainder}{rest}"
