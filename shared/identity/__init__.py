"""Who may do what: verified callers, roles, and everything that is created explicitly.

Owns ``ops.tenant_group``, ``ops.tenant``, ``ops.principal``, ``ops.group_member``,
``ops.role_grant``, ``ops.producer_grant``; imports ``governance``.

============== ===========================================================================
``tokens``     the one verifier, with its numbered checks (000-R11, 002-R8)
``keysets``    the issuer's signing keys under outage and rotation
``api_keys``   static keys, for local_parity alone (002-R5, D18)
``roles``      roles as sets of permissions, in one table of code; default deny
``authority``  what a verified caller may do
``provisioning`` groups, tenants, users, services and grants (000-R9): nothing is implicit
============== ===========================================================================

A caller is named by the directory's object id. Its label may name a person and stays in
``ops.principal``; facts carry ids (D23).

::

    tenant:    active <-> suspended (read-only)
    principal: active <-> disabled

Invariants: one tenant per name (``tenant_name_unique``), one principal per object id
(``principal_object_id_unique``), no tenant without a group (``tenant_group_exists``); a new
tenant has its keys and its standing run from its first moment, because they commit together.
"""
