"""The privacy scan: looks for planted values on every surface, in every form it may have there.

Owns: reading a whole environment as nobody in the product may (tables as the superuser, blobs,
queue messages, table entities, logs, files) and saying where a planted value appears (D16,
000-R20).
Never does: name a value. A finding is a place, a kind, a form and a count.

How a value is found
    fold        case, accents, compatibility forms away; then blanks and punctuation  `folding`
    search      one Aho-Corasick automaton over the folded bytes                      `matcher`
    stand       a find that only chance put together is none                          `matcher`
    decode      hex, Base64 at any alignment, percent, JSON and HTML escapes, gzip,
                nested up to three deep, each searched in the same way                `decoding`

Surfaces are read in `database`, `storage` and `files`; `Report` holds what was found, and how much
was looked at: a scan that saw nothing has found nothing.
"""

from __future__ import annotations

from local.scan.database import scan_database
from local.scan.files import scan_files
from local.scan.matcher import Matcher, PlantedTooShortError
from local.scan.report import Finding, Report
from local.scan.storage import scan_storage

__all__ = [
    "Finding",
    "Matcher",
    "PlantedTooShortError",
    "Report",
    "scan_database",
    "scan_files",
    "scan_storage",
]
