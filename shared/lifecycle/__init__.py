"""The life of an environment.

Owns ``ops.environment_marker``; imports ``governance`` and ``identity``.

``initialise`` writes the environment marker into an empty, migrated schema and registers the
first platform owner, once (000-R7, 000-R9, D1). It runs as the migrator: whoever owns the schema
may say what it is for. Everything after it is done by operators with roles.

``months`` keeps a partition of every ledger ready for the months to come.

Invariants: one marker (``environment_marker_is_one_row``), only Schema V2
(``environment_marker_is_schema_v2``).
"""
