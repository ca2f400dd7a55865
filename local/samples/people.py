"""Invented people, each with ways to be reached that lead nowhere."""

from __future__ import annotations

import random
import string
import unicodedata
from dataclasses import dataclass

_FIRST_US = """
Corwena Tavion Marlenka Brexley Odalind Jorvick Selmara Trevlin Ysolde Kelburn Ravenna Dorvin
Amberlyn Thessaly Wexford Lorimer Zendra Hollister Quinlan Fenella Bartrand Ottoline Percival
Rosamel Cedwyn Evandra Galvin Ianthe Jessamy Lockram
""".split()
_FIRST_DE = """
Wilhelmine Gundbert Ottfried Roswinda Hanneliese Jörgfried Käthlind Siegmar Burghild Detwin
Friedlind Götzmar Heidrun Ingwald Lüdeke Märthe Notburga Wendelin Ursel Tillmann
""".split()
_FIRST_HARD = ("Anna-Lorre", "Éloïne", "Jean Marvel", "Zoë", "D'Angelis", "Mary Quill", "Søren-Bo")

_HEADS_US = """
Thrandle Bexworth Quarrow Hollen Mirkle Pendar Skelder Tolver Wenlock Yarrod Fennick Gransel
Ludgrave Ombrey Ravensk Culverd Darrowm Estwick Hargrim Kettleb
""".split()
_TAILS_US = "inghurst omberley attersby enthwaite ermack isonby ackleton ulstrand owdale".split()
_HEADS_DE = """
Quasten Nebelwin Rumpelh Zwirbel Knarzen Pfützm Dröhnen Schnurgel Wackerl Krümpel Bräsig Flunder
Glimmers Hutzel Mögel Strudelh
""".split()
_TAILS_DE = "flosser gruber hauser bichler steiger müllner brücker wieser holtz acker".split()
_LAST_HARD = (
    "O'Quarrowby",
    "Brindelquist-Otterholm",
    "von Quastelbeck",
    "Müllengrüber-Zwick",
    "De la Torvella",
    "McThrandlin",
    "Weißenquellner",
    "Ñandelíz",
    "D'Ombrevalle",
    "van der Krommelaar",
)

_STREETS_US = """
Nebelhorn Lane|Quillfeather Road|Tamarisk Hollow Drive|Old Cooperage Way|Larkmoor Avenue
Brindlewood Court|Sallowfield Street|Pipersgate Boulevard|Wren Hollow Terrace|Copperkettle Place
""".replace("\n", "|")
_STREETS_DE = """
Quastelgasse|Zum Nebelhorn|Rumpelbachstraße|Am Flunderteich|Zwirbelweg|Knarzhofallee|Hutzelufer
""".replace("\n", "|")
_TOWNS_US = (
    ("Port Larkham", "WA", "98"),
    ("Quillbrook", "OR", "97"),
    ("East Tamarisk", "IL", "60"),
    ("Brindle Falls", "MA", "02"),
    ("Coppermoor", "TX", "75"),
    ("Saint Wrenfield", "GA", "30"),
)
_TOWNS_DE = (
    ("Bad Quellbruck", "BY", "82"),
    ("Nebelheim", "NW", "58"),
    ("Flunderhafen", "SH", "25"),
    ("Zwirbelstadt", "HE", "64"),
)
# 555-0100 to 555-0199 are kept for fiction in every area of North America.
_AREAS = """
206 212 214 216 217 224 253 262 303 305 312 313 317 334 336 360 401 404 412 415 417 425 434 440
478 503 505 509 512 517 530 541 559 573 585 602 605 612 615 617 619 631 651 702 704 713 720 801
""".split()
_FICTION_US = 100
# The Federal Network Agency keeps these for film and television.
_PREFIXES_DE = (("030", "23125"), ("069", "90009"), ("040", "66969"), ("089", "99998"))
_FICTION_DE = 1000
_DOMAINS = ("mail.example", "example.com", "example.org", "post.example.net")
# Not those that look like a digit.
_PLATE_LETTERS = sorted(set(string.ascii_uppercase) - set("IOQ"))
_PLATE_TOWNS = ("QB", "NH", "FH", "ZW")

_GERMAN_SHARE = 0.3
_HARD_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist."""

    german: bool
    first: str
    last: str
    area: str
    exchange: str
    line: str
    email: str
    street: str
    city: str
    state: str
    postal_code: str
    plate: str

    @property
    def full(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def phone(self) -> str:
        """The number as a form has it."""
        if self.german:
            return f"{self.area} {self.exchange}{self.line}"
        return f"({self.area}) {self.exchange}-{self.line}"


def person(draw: random.Random, number: int) -> Person:
    """Return the person of a number; nobody of another number has the same phone or mail."""
    german = draw.random() < _GERMAN_SHARE
    first = draw.choice(_FIRST_DE if german else _FIRST_US)
    last = _last_name(draw, german=german)
    if draw.random() < _HARD_SHARE:
        first = draw.choice(_FIRST_HARD)
    if german:
        area, exchange = _PREFIXES_DE[number // _FICTION_DE % len(_PREFIXES_DE)]
        line = f"{number % _FICTION_DE:03}"
        street = f"{draw.choice(_words(_STREETS_DE))} {draw.randrange(1, 240)}"
        city, state, zone = draw.choice(_TOWNS_DE)
        plate = f"{draw.choice(_PLATE_TOWNS)}-{_letters(draw, 2)} {draw.randrange(1000, 10_000)}"
    else:
        area = _AREAS[number // _FICTION_US % len(_AREAS)]
        exchange, line = "555", f"01{number % _FICTION_US:02}"
        street = f"{draw.randrange(100, 9900)} {draw.choice(_words(_STREETS_US))}"
        city, state, zone = draw.choice(_TOWNS_US)
        plate = f"{_letters(draw, 3)} {draw.randrange(1000, 10_000)}"
    return Person(
        german=german,
        first=first,
        last=last,
        area=area,
        exchange=exchange,
        line=line,
        email=f"{_plain(first[:1])}.{_plain(last)}.{number}@{draw.choice(_DOMAINS)}",
        street=street,
        city=city,
        state=state,
        postal_code=f"{zone}{draw.randrange(1000):03}",
        plate=plate,
    )


def _last_name(draw: random.Random, *, german: bool) -> str:
    if draw.random() < _HARD_SHARE:
        return draw.choice(_LAST_HARD)
    if german:
        return draw.choice(_HEADS_DE) + draw.choice(_TAILS_DE)
    return draw.choice(_HEADS_US) + draw.choice(_TAILS_US)


def _words(listing: str) -> list[str]:
    return [word for word in listing.split("|") if word]


def _letters(draw: random.Random, count: int) -> str:
    return "".join(draw.choice(_PLATE_LETTERS) for _ in range(count))


def _plain(name: str) -> str:
    """Spell a name as mail addresses do."""
    marked = unicodedata.normalize("NFKD", name.replace("ß", "ss").casefold())
    return "".join(letter for letter in marked if "a" <= letter <= "z")
