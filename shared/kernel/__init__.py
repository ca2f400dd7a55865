"""The floor that every room stands on; it imports no room, no adapter and no Azure package.

=============  ==============================================================================
``call``       who is calling, for which tenant, at what time: plain data, made once per edge
``errors``     the seven shapes of failure; the edge alone turns a shape into a status
``clock``      the only place that reads the time
``ids``        prefixed, sortable identifiers, minted before the transaction
``settings``   every environment variable, all problems reported at once
``canonical``  canonical JSON and every digest: the only hashing
``db``         a pool per duty login, the tenant transaction, row-level security
``sql``        named statements from ``queries.sql``
``outbox``     intents that commit with the row and are carried out after it
``ports``      what the product asks of the world outside Postgres
``log``        events with declared fields; nothing free-form can be written
=============  ==============================================================================
"""
