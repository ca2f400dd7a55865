"""The demo: the main job end to end on this machine, and the proof that nothing personal got out.

Owns: one run from an empty database to a verdict (`run`), shown to a newcomer (`screen`).
Never does: go around the product. Provisioning is the `opsplane` command line, records go in over
HTTP with a token of a managed identity, and only the checks look into the database.

    set-up      stack, a database of its own made anew, issuer, host           `place`
    provision   three tenants and a caller, by command line                    `provision`
    ingest      orders in batches over kept connections, and some again        `ingest`
    refusals    what must be refused, each with its status and code            `refusals`
    evidence    a receipt and its check, and what another tenant sees of it    `evidence`
    scan        every table, blob, queue, log and answer for planted values    `privacy`

Every step states what it expects. The exit code is 0 when all of it held, else 1.
"""

from __future__ import annotations
