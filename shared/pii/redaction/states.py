"""States of the US, territories included: each spelling leads to the others."""

from __future__ import annotations

from typing import Final

_PAIRS: Final = tuple(
    pair.encode().rsplit(b":", 1)
    for pair in """
alabama:al|alaska:ak|arizona:az|arkansas:ar|california:ca|colorado:co|connecticut:ct|delaware:de
district of columbia:dc|florida:fl|georgia:ga|hawaii:hi|idaho:id|illinois:il|indiana:in|iowa:ia
kansas:ks|kentucky:ky|louisiana:la|maine:me|maryland:md|massachusetts:ma|michigan:mi|minnesota:mn
mississippi:ms|missouri:mo|montana:mt|nebraska:ne|nevada:nv|new hampshire:nh|new jersey:nj
new mexico:nm|new york:ny|north carolina:nc|north dakota:nd|ohio:oh|oklahoma:ok|oregon:or
pennsylvania:pa|puerto rico:pr|rhode island:ri|south carolina:sc|south dakota:sd|tennessee:tn
texas:tx|utah:ut|vermont:vt|virginia:va|washington:wa|west virginia:wv|wisconsin:wi|wyoming:wy
""".strip()
    .replace("\n", "|")
    .split("|")
)

STATES: Final = {name: {name, code} for name, code in _PAIRS} | {
    code: {name, code} for name, code in _PAIRS
}
STATE_CODES: Final = frozenset(code.decode() for _, code in _PAIRS)
