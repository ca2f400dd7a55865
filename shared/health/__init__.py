"""Whether this app can do its work. Owns no table.

Ready means: Postgres answers as ``ops_data``, the database carries this environment's marker
(D1), and a policy revision is active. Signals over time follow with the parts that give them.
"""
