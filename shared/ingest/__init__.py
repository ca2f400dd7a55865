"""The ingest gate: a verified producer posts records and gets receipts.

Owns ``ops.admission_key``, ``ops.admission``, ``ops.record``, ``ops.receipt_document``,
``ops.idempotent_answer``, ``ops.run_segment``, ``ops.quarantine``, ``ops.quarantine_copy``, and the
runs in ``ops.platform_run`` but for the standing one, which is born with its tenant; imports
``governance``, ``identity``, ``policy``, ``pii``.

================ ============================================================================
``contracts``    contracts as data: fields, classes, identifiers, rules (design 4)
``shape``        a contract compiled into a strict validator
``schema``       the same contract as JSON Schema, with an example, for those who send
``arithmetic``   rules between fields
``body``         JSON, NDJSON and CloudEvents bodies into units, one for each record
``cloudevents``  an envelope checked, and the record taken out of it
``entrance``     who may come in, for which tenant, contract, policy and run
``gate``         the order of checks, one transaction, one answer
``admission``    what one valid record becomes: identity, personal and other parts
``dedupe``       which records of a request are new
``batch``        new records redacted, checked, sealed and written
``quarantining`` what cannot be admitted: sealed and held, claimed and settled by a release
``places``       pointers, as far as others than the sender may read them
``entries``      the ledger texts of receipts
``answers``      what the caller is told, now and at a repeat
``documents``    receipt documents, written after the commit
``receipts``     receipts read, searched and verified
``lookups``      which event a search means
``reconcile``    documents whose write was lost
``quarantine``   held records listed, released, discarded, expired
``runs``         platform runs opened and closed, their segments
``wire*``        how each of these is spelled over HTTP
================ ============================================================================

Order (design 4)::

    authorise producer -> policy_rev -> run -> idempotency -> parse -> validate
      -> look for known events -> redact -> leak checks
      -> [claim dedupe keys -> seal PII -> admit -> hold -> fact] -> commit -> receipt document

    record (strict, D17):   ADMIT | DUPLICATE | the whole request is refused
    record (lenient, D17):  ADMIT | DUPLICATE | QUARANTINE

What stands in brackets is one round trip. Everything between the first check and the answer is
one transaction; the receipt document in Blob is written after the commit and, if that fails, by
the reconciler: a receipt may lag, an admission may not. Known events are found before any
redaction is paid for; somebody who admits one of them between look and claim makes the claim fail,
and the request is decided again (docs/decisions/0008).

An operator's release is such a request with one record. It claims the held row before it looks at
the record, and settles it with the admission.

Invariants
    - Once per (tenant, run if the contract says so, event class, event id):
      ``admission_key_pk``. A receipt's id is the first half of that key, so it can be computed
      again after any crash.
    - Personal data goes to the vault alone; deterministic and semantic parts are checked for it
      with the matcher that redacted (``PII_DETERMINISTIC_LEAK``, ``PII_SEMANTIC_LEAK``).
    - A refused request leaves one aggregated fact and nothing else (D24).
    - Payload, record, body and content hashes are HMACs under the tenant's index key.
    - The same bytes are held once: ``quarantine_held_once``. A record has a sealed copy while it
      is held and never after (`test_quarantine`, a state machine); ``ops_keys`` alone reads it.
    - A held record is settled once, and released if and only if its admission commits:
      ``quarantine_settled_is_whole``, ``quarantine_released_has_receipt``, the row lock of
      ``claim_held``, and the policy ``quarantine_data_releases`` for the data plane's login.
    - Nothing is admitted into a closed run, under another policy than its segment's, or after the
      fact that says so: shared locks of ``enter_boundary`` against the exclusive ones of
      activation, suspension (all tenants) and ``close_runs`` (one tenant).
    - One run per opener and key: ``platform_run_open_key_unique``; the standing run stays open:
      ``platform_run_standing_stays_open``; segments are never rewritten: no login may.

Failure: Postgres away, 503 and nothing stored; commit outcome unknown, 503 and the repeat
settles it; Blob away, 2xx and the document follows; key provider away, 503; others admit the same
events five times over, 503.
"""
