"""What people wrote: about two kilobytes an order, with the record's own values among decoys.

The templates are in `narratives.toml`.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from string import Formatter

from local.samples.people import Person
from local.samples.spelling import Spelling
from local.samples.vehicles import Vehicle

_TEMPLATES: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parent / "narratives.toml").read_text(encoding="utf-8")
)
_GERMAN_SHARE = 0.6
_CODES = ("P0420", "P0301", "U0100", "C1201", "B1342", "P0171", "P0A80", "P2096")
_PART_LETTERS = ("TL0", "SNA", "K9A", "AC2", "BR1")


class Narrator:
    """Writes the texts of one order."""

    def __init__(self, draw: random.Random, who: Person, vehicle: Vehicle) -> None:
        self._draw = draw
        self._german = who.german
        self._spelling = Spelling(draw, who, vehicle.vin)

    @property
    def order(self) -> dict[str, str]:
        """The texts of the order itself."""
        german = self._german and self._draw.random() < _GERMAN_SHARE
        return {
            "customer_complaint": self._written("complaint_german" if german else "complaint"),
            "additional_symptoms": self._written("symptoms"),
            "customer_requests": self._written("requests"),
            "advisor_notes": self._written("advisor"),
            "internal_comments": self._written("internal"),
            "qc_notes": self._written("quality"),
        }

    @property
    def labor_line(self) -> dict[str, str]:
        return {
            "op_description": self._written("operation"),
            "technician_notes": self._written("technician"),
            "cause": self._written("cause"),
            "correction": self._written("correction"),
        }

    @property
    def part(self) -> str:
        return self._written("part")

    def part_number(self) -> str:
        draw = self._draw
        return f"{draw.randrange(10_000, 99_999)}-{draw.choice(_PART_LETTERS)}"

    def _written(self, what: str) -> str:
        template = self._draw.choice(_TEMPLATES[what])
        asked = [name for _, name, _, _ in Formatter().parse(template) if name]
        return template.format(**{name: self._value(name) for name in asked})

    def _value(self, name: str) -> str:
        if decoy := _DECOYS.get(name):
            return decoy(self._draw)
        return self.part_number() if name == "part" else str(getattr(self._spelling, name))


def _date(draw: random.Random) -> str:
    month, day = draw.randrange(1, 13), draw.randrange(1, 29)
    return draw.choice((f"{month}/{day}/2026", f"2026-{month:02}-{day:02}", f"{day}.{month}.2026"))


_DECOYS: dict[str, Callable[[random.Random], str]] = {
    "code": lambda draw: draw.choice(_CODES),
    "miles": lambda draw: f"{draw.randrange(900, 180_000):,}",
    "price": lambda draw: f"${draw.randrange(20, 3000)}.{draw.randrange(100):02}",
    "date": _date,
    "case": lambda draw: f"{draw.randrange(10, 99)}-{draw.randrange(1000, 9999)}",
}
