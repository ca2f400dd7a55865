"""What people wrote: about two kilobytes an order, with the record's own values among decoys.

A template asks for `{name}`, `{owners}`, `{phone}`, `{email}`, `{vin}`, `{vin_tail}`, `{plate}` or
`{street}` and gets another spelling each time. `{part}`, `{code}`, `{miles}`, `{price}`, `{date}`
and `{case}` only look like something personal, and must survive.
"""

from __future__ import annotations

import random
from string import Formatter

from local.samples.people import Person
from local.samples.spelling import Spelling
from local.samples.vehicles import Vehicle

_COMPLAINT = (
    "Customer {name} states the brakes squeal and grind when stopping from 45 mph, worse in the "
    "wet. First noticed around {miles} miles, on {date}. Asks that we call {phone} before any work "
    "over {price} and send the estimate to {email}. VIN {vin}, scan tool shows {code} stored.",
    "{name} came in without an appointment: engine shudders at idle and the lamp is on. Another "
    "shop replaced part {part} for {price} and the fault {code} came back after 300 miles. Reach at "
    "{phone}, plate {plate}. VIN on the insurance card reads {vin}.",
    "Towed in from {street}. No crank, clicks once. {name} says it sat for three weeks since "
    "{date}; battery is the original. Please phone {phone} with a diagnosis, do not leave a "
    "message. {owners} mail is {email}.",
    "C/S transmission hesitates 2-3 with a jerk, {code} pending. Owner {name}, {phone}. Vehicle "
    "{vin} at {miles} miles. Wants to know whether campaign {case} covers this.",
)
_COMPLAINT_DE = (
    "Kunde {name} beanstandet Quietschen beim Bremsen aus 80 km/h, vor allem bei Nässe. Seit etwa "
    "{date}, Stand {miles} km. Bitte vor Arbeiten über {price} anrufen: {phone}. Kostenvoranschlag "
    "an {email}. Fahrgestellnummer {vin}, Fehler {code} abgelegt.",
    "{name} kam ohne Termin: Motor ruckelt im Leerlauf, Kontrollleuchte an. Teil {part} wurde "
    "anderswo für {price} ersetzt, {code} kam wieder. Tel. {phone}, Kennzeichen {plate}.",
)
_SYMPTOMS = (
    "Also a rattle from the rear over bumps; AC blows warm on the left. Tyres 235/55R19 worn to 3/32. "
    "Oil 5W-30 due at {miles} miles. No codes but {code}.",
    "Steering wheel shakes at 65 mph. Wipers chatter. Key fob battery (CR2032) low. Alarm went off "
    "twice on {date} in front of {street}.",
    "Coolant smell after a long drive, level 0.5 qt low. {owners} neighbour heard a hiss. Pressure "
    "test at 15 psi asked for.",
)
_ADVISOR = (
    "Spoke with {name} at {phone} on {date}; approved {price}, declined the cabin filter {part}. "
    "Will pick up after 5 pm, keys under the mat at {street}. Send the invoice to {email}.",
    "Left word for {name}: parts on back order until {date}, order {case}. Loaner agreement signed, "
    "plate {plate} noted. Second number none, {phone} is right.",
    "{name} asked twice for the price ({price}); quoted from op 4711 and menu 12-B. Confirmed the "
    "address {street} and the mail {email} for the survey.",
)
_REQUESTS = (
    "Save the old parts for {name}. Text {phone} when done, and no calls before 9:30.",
    "Wash and vacuum, then park at row 14. Bill of {price} at most; write to {email} first.",
)
_TECHNICIAN = (
    "Verified. Road test 6.2 miles, noise at 1,800 rpm. {code} current, freeze frame at 2,240 rpm. "
    "Measured rotors 1.021 in, minimum 1.030 in. VIN {vin} matches the tag. Torqued to 108 Nm.",
    "Found the connector C1234 corroded, replaced pigtail {part}. Cleared {code}, drove 12 miles, "
    "did not come back. Showed {name} the old part at the bay.",
    "Battery 9.8 V, 320 of 700 CCA. Charging 14.2 V. Replaced battery, registered it to "
    "{vin_tail} with the scan tool. Parasitic draw 22 mA.",
)
_CAUSE = (
    "Pads worn to metal, inner left. TSB 19-024 applies.",
    "Internal short in module, see {code}; supplier lot 2206-B.",
    "Water entered through the seam by the cowl. Last eight {vin_tail} is within the range.",
)
_CORRECTION = (
    "Replaced pads and rotors, bled the system, 0.4 l of DOT 4. Told {name} to expect a smell for "
    "20 miles.",
    "Replaced {part}, reprogrammed to level 4.17.2, cleared codes. Test drive fine at 70 mph.",
    "Sealed the seam, dried the carpet, new relay 12 V 40 A. Called {phone}, customer informed.",
)
_INTERNAL = (
    "Goodwill asked for, case {case}: {owners} third visit. Regional said no on {date}. Plate "
    "{plate}, unit {vin_tail}, advisor 17.",
    "Chargeback risk: payment of {price} was disputed before by {name}. See mail from {email}.",
    "Nothing open. Recall list checked for {vin}, none. Hours 1.75 against a book of 1.50.",
)
_QC = (
    "Checked by lane 3: lights, fluids, torque stripe. {miles} miles out. Keys tagged {vin_tail}.",
    "Road test passed. Called {name} at {phone}, ready since 16:40.",
    "No fault stored. Invoice {case} matches the estimate of {price}.",
)
_PART = ("front pad set {part}", "battery 12 V 70 Ah", "seal kit, lot 2206-B", "filter {part}, boxed")
_OPERATION = (
    "Brake inspection and repair",
    "Diagnose drivability concern, {code}",
    "Battery and charging system, unit {vin_tail}",
)

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
        complaint = _COMPLAINT_DE if self._german and self._draw.random() < 0.6 else _COMPLAINT  # noqa: PLR2004 - more often than not
        return {
            "customer_complaint": self._written(complaint),
            "additional_symptoms": self._written(_SYMPTOMS),
            "customer_requests": self._written(_REQUESTS),
            "advisor_notes": self._written(_ADVISOR),
            "internal_comments": self._written(_INTERNAL),
            "qc_notes": self._written(_QC),
        }

    @property
    def labor_line(self) -> dict[str, str]:
        return {
            "op_description": self._written(_OPERATION),
            "technician_notes": self._written(_TECHNICIAN),
            "cause": self._written(_CAUSE),
            "correction": self._written(_CORRECTION),
        }

    @property
    def part(self) -> str:
        return self._written(_PART)

    def part_number(self) -> str:
        draw = self._draw
        return f"{draw.randrange(10_000, 99_999)}-{draw.choice(_PART_LETTERS)}"

    def _written(self, templates: tuple[str, ...]) -> str:
        template = self._draw.choice(templates)
        asked = [name for _, name, _, _ in Formatter().parse(template) if name]
        return template.format(**{name: self._value(name) for name in asked})

    def _value(self, name: str) -> str:
        draw = self._draw
        match name:
            case "code":
                return draw.choice(_CODES)
            case "part":
                return self.part_number()
            case "miles":
                return f"{draw.randrange(900, 180_000):,}"
            case "price":
                return f"${draw.randrange(20, 3000)}.{draw.randrange(100):02}"
            case "date":
                return draw.choice(
                    (
                        f"{draw.randrange(1, 13)}/{draw.randrange(1, 29)}/2026",
                        f"2026-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}",
                        f"{draw.randrange(1, 29)}.{draw.randrange(1, 13)}.2026",
                    )
                )
            case "case":
                return f"{draw.randrange(10, 99)}-{draw.randrange(1000, 9999)}"
            case _:
                return str(getattr(self._spelling, name))
