"""How people write down what a form has in one way: the variants that redaction must find."""

from __future__ import annotations

import random

from local.samples.people import Person


class Spelling:
    """Writes one person's values differently each time, as the draw decides."""

    def __init__(self, draw: random.Random, who: Person, vin: str) -> None:
        self._draw = draw
        self._who = who
        self._vin = vin

    @property
    def name(self) -> str:
        """The person, in a sentence about them."""
        who = self._who
        return self._draw.choice(
            (
                who.full,
                who.full.upper(),
                f"{who.last}, {who.first}",
                f"{who.last.upper()}, {who.first}",
                f"{'Frau' if who.german else 'Ms'} {who.last}",
                f"{who.first[:1]}. {who.last}",
                f"Mr. {who.last}",
                who.full.lower(),
            )
        )

    @property
    def owners(self) -> str:
        """The person, where something of theirs follows."""
        who = self._who
        return self._draw.choice(
            (f"{who.last}'s", f"{who.full}'s", f"{who.last.upper()}'S", f"{who.last}\u2019s")
        )

    @property
    def phone(self) -> str:
        who = self._who
        area, number = who.area, who.exchange + who.line
        if who.german:
            return self._draw.choice(
                (
                    who.phone,
                    f"{area}/{number}",
                    f"{area}-{number}",
                    f"+49 {area[1:]} {number}",
                    f"0049 {area[1:]} {who.exchange}-{who.line}",
                    f"+49 (0){area[1:]} {number}",
                    f"({area}) {who.exchange} {who.line}",
                )
            )
        return self._draw.choice(
            (
                who.phone,
                f"{area}-555-{who.line}",
                f"{area}.555.{who.line}",
                f"{area} 555 {who.line}",
                f"+1 {area} 555 {who.line}",
                f"1-{area}-555-{who.line}",
                f"{area}555{who.line}",
                f"({area})555-{who.line}",
            )
        )

    @property
    def email(self) -> str:
        email = self._who.email
        return self._draw.choice((email, email, email.upper(), f"<{email}>", f"mailto:{email}"))

    @property
    def vin(self) -> str:
        vin = self._vin
        return self._draw.choice(
            (
                vin,
                vin.lower(),
                f"{vin[:3]} {vin[3:8]} {vin[8]} {vin[9:11]} {vin[11:]}",
                f"{vin[:9]}-{vin[9:]}",
                f"{vin[:4]} {vin[4:8]} {vin[8:12]} {vin[12:]}".lower(),
                f"*{vin}*",
            )
        )

    @property
    def vin_tail(self) -> str:
        """The last eight, by which workshops know a vehicle."""
        return self._draw.choice((self._vin[-8:], self._vin[-8:].lower()))

    @property
    def plate(self) -> str:
        plate = self._who.plate
        return self._draw.choice((plate, plate.replace(" ", ""), plate.lower()))

    @property
    def street(self) -> str:
        street = self._who.street
        return self._draw.choice((street, street.upper(), f"{street}, {self._who.city}"))
