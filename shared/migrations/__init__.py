"""The schema, forward only: ``NNNN_{pre,post}_what.sql``, one global sequence.

``pre`` files must work with the release that is running now (expand); ``post`` files remove what
nothing uses any more (contract), D12. A file that was applied is never edited: its checksum is
recorded. ``bootstrap.sql`` is what a database administrator runs once per cluster, and
``schema.sql`` is the generated snapshot that a test diffs.
"""
