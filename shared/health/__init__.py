"""Whether this app can do its work, and whether what should happen by itself does.

Owns no table; imports ``ledger`` and ``identity``.

============== ===========================================================================
``service``    answers for probes: alive, ready
``signals``    numbers for operators: what waits, for how long, and how bad that is
============== ===========================================================================

Ready means: Postgres answers as ``ops_data``, the database carries this environment's marker
(D1), and a policy revision is active. Signals are read as ``ops_control``, in a number of
statements that does not grow with what they count.
"""
