"""The client of the ingest gate: files in, receipts out, over HTTP and nothing else.

Owns: reading CSV, NDJSON and JSON (`reading`); mapping columns to a contract's fields (`mapping`,
read by `strict_yaml`, `sections`, `rules`, `changes` and `filters` into `sources`, `steps` and
`moments`); batches (`batches`); requests with their retries (`requests`, `retry`); the delivery of
a whole file (`delivery`), its journal (`journal`) and counts (`tally`); the dry run (`checking`).
``opsplane ingest`` is its surface.

Never does: reach the gate's code or a database. It imports contracts to check a mapping's target
fields, and everything else it learns from the gate's answers. It never shows a value of the source:
problems are told by line, JSON Pointer and code.

Invariants, each held by a test in tests/unit/client or tests/flows/test_send.py:
- a row is counted once, whatever the process dies of: a batch is journalled after its receipts are
  on disk, and a batch that was answered but not journalled is answered again from its
  Idempotency-Key (`test_each_record_is_in_once_however_often_the_sender_is_killed`);
- the journal holds digests, ranges, counts and request ids, never a part of a record
  (`test_the_journal_holds_nothing_of_the_records`);
- what was journalled for one source, mapping or tenant is never continued for another
  (`test_a_journal_of_something_else_is_refused`);
- a mapping is checked wholly before the first request (`test_every_problem_is_told_at_once`);
- 429, 5xx, lost answers and an answer in flight are tried again with the same key; any other
  refusal is final (tests/unit/client/test_retry.py).

Failure answers: `errors` has what stops a delivery before its first request. After that a stop is
part of the report, so that what was sent is always told.
"""
