"""The nouns of redaction: what was vaulted, what was found, what may leave.

Every type here that holds a value of a person hides it from `repr`, because a repr ends up in
tracebacks and test output, which are observability surfaces.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Kind(StrEnum):
    """What a value is; the name is part of the placeholder that replaces it."""

    PERSON = "PERSON"
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    VIN = "VIN"
    PLATE = "PLATE"
    STREET = "STREET"
    CITY = "CITY"
    STATE = "STATE"
    POSTAL_CODE = "POSTAL_CODE"
    CARD = "CARD"
    IBAN = "IBAN"
    IP = "IP"
    SSN = "SSN"


class LeakCode(StrEnum):
    """Why a record is refused after redaction."""

    PATTERN = "PII_LEAKAGE_DETECTED"  # something still looks like personal data
    SEMANTIC = "PII_SEMANTIC_LEAK"  # a vaulted value is still in free text
    DETERMINISTIC = "PII_DETERMINISTIC_LEAK"  # a vaulted value is in a deterministic field


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A value just sealed for this record; `strong` overrides the judgement of `needle`.

    Give a person as one full name ("First Last" or "Last, First") where the contract allows it:
    then every form of it (first name, last name, initials) gets that person's one placeholder.
    First and last name given one after the other are found just as well, but each alone has a
    placeholder of its own.
    """

    kind: Kind
    value: str = field(repr=False)
    strong: bool | None = None


class Found(NamedTuple):
    """A stretch of folded text to replace, and what its placeholder is made from.

    That is the normal form, or folded bytes to make it of: most finds of a recogniser are known
    values too, which name them, so the normal form is worked out only where it is asked for.
    """

    start: int
    end: int
    kind: Kind
    normal: str | bytes
    rank: int
    strong: bool = True

    def __repr__(self) -> str:
        """Say where and what kind only: the rest is the value."""
        return f"<found {self.kind} at {self.start}>"


RANK_PART: Final = 1  # a known value in part: one name of a person, a weak value in context
RANK_PATTERN: Final = 2  # a recogniser's finding
RANK_WHOLE: Final = 3  # a known value as a whole


_MINT: Final = object()
_NOTHING: Final[Mapping[Kind, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RedactedText:
    """Text that went through a redactor; the only text retrieval and embedding accept.

    It cannot be built by writing `RedactedText(...)`: a redactor mints it after the leak checks,
    and a store that kept one may restore it with `restored`.
    """

    text: str = field(repr=False)
    replaced: Mapping[Kind, int]
    mint: InitVar[object] = None

    def __post_init__(self, mint: object) -> None:
        if mint is not _MINT:
            msg = "RedactedText comes from a Redactor, or from RedactedText.restored"
            raise TypeError(msg)
        object.__setattr__(self, "replaced", MappingProxyType(dict(self.replaced)))

    @classmethod
    def restored(cls, text: str, replaced: Mapping[Kind, int]) -> RedactedText:
        """Rebuild what a store wrote from a RedactedText. Dangerous on any other text."""
        return cls(text, replaced, _MINT)


def minted(text: str, replaced: dict[Kind, int] | None) -> RedactedText:
    """For redactors in this package only: call it after the leak checks, never before.

    Keeps the counts that it is given, and goes past the constructor, since it runs for every
    field of every record.
    """
    redacted = object.__new__(RedactedText)
    object.__setattr__(redacted, "text", text)
    object.__setattr__(redacted, "replaced", MappingProxyType(replaced) if replaced else _NOTHING)
    return redacted


@dataclass(frozen=True, slots=True)
class Leak:
    """A vaulted value where none may be: where and what kind, never which."""

    pointer: str
    code: LeakCode
    kind: Kind


class LeakFound(Exception):
    """Redaction could not clear this field; carries codes, never text."""

    def __init__(self, name: str, codes: Sequence[LeakCode]) -> None:
        self.field = name
        self.codes = tuple(codes)
        super().__init__(f"{name}: {', '.join(self.codes)}")


class Placeholders(Protocol):
    """Turns a normal form into the token that stands for it."""

    def __call__(self, kind: Kind, normal: str) -> str: ...


class Redactor(Protocol):
    """Redacts the semantic fields of one record."""

    def redact(
        self, texts: Mapping[str, str], known: Sequence[KnownValue]
    ) -> Mapping[str, RedactedText]:
        """Redact each field, or raise LeakFound for the first that cannot be cleared."""
        ...
