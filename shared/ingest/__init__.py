"""The ingest gate: a verified producer posts records and gets receipts.

Owns ``ops.admission_key``, ``ops.admission``, ``ops.record``, ``ops.receipt_document``,
``ops.idempotent_answer``; imports ``governance``, ``identity``, ``policy``, ``pii``.

============== ==============================================================================
``contracts``  contracts as data: fields, classes, identifiers, rules (design 4)
``shape``      a contract compiled into a strict validator
``schema``     the same contract as JSON Schema, with an example, for those who send
``arithmetic`` rules between fields
``body``       JSON and NDJSON bodies into records, refusing what JSON leaves open
``gate``       the order of checks, one transaction, one answer
``admission``  what one valid record becomes: identity, personal and other parts
``dedupe``     which records of a request are new
``batch``      new records sealed, redacted, checked and written
``answers``    what the caller is told, now and at a repeat
``receipts``   receipt documents: rendered, written, verified
``reconcile``  documents whose write was lost
============== ==============================================================================

Order (design 4)::

    authorise producer -> policy_rev -> idempotency -> parse -> validate -> claim dedupe keys
      -> seal PII -> redact -> leak checks -> admit -> fact -> commit -> receipt document

    record (strict handling, D17):  ADMIT | DUPLICATE | the whole request is refused

Everything between the first check and the answer is one transaction; the receipt document in
Blob is written after the commit and, if that fails, by the reconciler: a receipt may lag, an
admission may not. Duplicates are found before any sealing or redaction is paid for.

Invariants
    - Once per (tenant, run if the contract says so, event class, event id):
      ``admission_key_pk``. A receipt's id is the first half of that key, so it can be computed
      again after any crash.
    - Personal data goes to the vault alone; deterministic and semantic parts are checked for it
      with the matcher that redacted (``PII_DETERMINISTIC_LEAK``, ``PII_SEMANTIC_LEAK``).
    - A refused request leaves one aggregated fact and nothing else (D24).
    - Payload, record and body hashes are HMACs under the tenant's index key.

Failure: Postgres away, 503 and nothing stored; commit outcome unknown, 503 and the repeat
settles it; Blob away, 2xx and the document follows; key provider away, 503.
"""
