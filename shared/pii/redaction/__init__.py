"""Redaction of semantic free text, and the checks that nothing personal is left.

Second line of defence: a contract classifies every field first, and what it calls personal is
sealed in the vault. What people type into free text is found here. Pure: no I/O, no clock, no
log; one call per record, linear in its text.

Owns
    known values   what was just sealed for this record, found in every spelling (`known`)
    recognisers    what looks personal and proves it by checksum, table or cue (`DEFAULT`)
    placeholders   `[PERSON_k7q2mzx4]`, keyed and stable within a tenant
    leak checks    the same matchers on the redacted text, and on deterministic fields

Never does
    read the vault, keep a value beyond the call (`KeyedPlaceholders` remembers under a bound),
    name a value in an error or a repr.

How a text is read
    join       all fields as one page, since to look once is what costs     `pages`
    unescape   a second reading, where HTML, URL or JSON escapes occur      `escapes`
    fold       case, accents, widths, invisible characters away, offsets kept   `folding`
    spell out  known values that occur at all, in those spellings that do       `needles`
    find       strong known values anywhere; weak ones in context; patterns     `known`, `scanning`
    settle     overlapping finds become one stretch, so no end of any remains   `redactor`
    replace    by the placeholder of the normal form                            `normal`
    look again until clean in both readings; LeakFound with codes if it never is

Invariants, each held by tests in tests/unit/pii/redaction
    a strong known value never survives in any spelling
    redacting what is redacted changes nothing and finds no leak
    a text without a find is returned as it is
    a field of a record is judged as if it stood alone
    equal normal values have equal placeholders under one key, others under another
    what a user types in the shape of a placeholder hides nothing and breaks nothing
    vehicle facts survive: make, model, VIN prefix, mileage, fault codes, part numbers, prices
"""

from __future__ import annotations

from shared.pii.redaction.known import KnownMatcher
from shared.pii.redaction.model import (
    Kind,
    KnownValue,
    Leak,
    LeakCode,
    LeakFound,
    Placeholders,
    RedactedText,
    Redactor,
)
from shared.pii.redaction.placeholders import KeyedPlaceholders
from shared.pii.redaction.redactor import DEFAULT, PatternRedactor, deterministic_leaks

__all__ = [
    "DEFAULT",
    "KeyedPlaceholders",
    "Kind",
    "KnownMatcher",
    "KnownValue",
    "Leak",
    "LeakCode",
    "LeakFound",
    "PatternRedactor",
    "Placeholders",
    "RedactedText",
    "Redactor",
    "deterministic_leaks",
]
