"""Documents that cannot lie: everything in ``docs/reference`` is made from the code it describes.

``python -m local.docs write`` writes them (`make docs`), ``check`` shows what differs and fails.
Pages about the database come from a migrated one, so both need the local stack and start it when
it is not running.

============== =======================================================================
``interface``  routes, permissions, error codes, the OpenAPI document, the command line
``records``    contracts, reason codes, facts
``settings``   the list of settings and ``local.settings.sample.json``
``database``   tables, grants, statements, and the snapshot of the schema
``reading``    what the other modules look up in the code
============== =======================================================================
"""
