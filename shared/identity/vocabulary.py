"""Facts of provisioning."""

from __future__ import annotations

from shared.governance.facts import CODE, CONTRACT, IDENTIFIER, OBJECT_ID, FactKind

GROUP_CREATED = FactKind(
    "identity:group:created", "A group of tenants was created.", {"group_id": IDENTIFIER}
)
TENANT_CREATED = FactKind(
    "identity:tenant:created",
    "A tenant was created, with its keys and its standing run.",
    {"group_id": IDENTIFIER, "run_id": IDENTIFIER},
)
TENANT_STATUS_CHANGED = FactKind(
    "identity:tenant:status_changed",
    "A tenant was suspended or made active again.",
    {"status": CODE},
)
PRINCIPAL_CREATED = FactKind(
    "identity:principal:created",
    "A user or a service principal was created.",
    {"principal_id": IDENTIFIER, "object_id": OBJECT_ID, "kind": CODE},
)
PRINCIPAL_STATUS_CHANGED = FactKind(
    "identity:principal:status_changed",
    "A principal was disabled or made active again.",
    {"object_id": OBJECT_ID, "status": CODE},
)
MEMBER_ADDED = FactKind(
    "identity:member:added",
    "A user joined a group.",
    {"object_id": OBJECT_ID, "group_id": IDENTIFIER},
)
ROLE_GRANTED = FactKind(
    "identity:role:granted", "A role was granted.", {"object_id": OBJECT_ID, "role": CODE}
)
ROLE_REVOKED = FactKind(
    "identity:role:revoked", "A role was revoked.", {"object_id": OBJECT_ID, "role": CODE}
)
PRODUCER_GRANTED = FactKind(
    "identity:producer:granted",
    "A service may post a contract for the tenant.",
    {"object_id": OBJECT_ID, "contract": CONTRACT},
)
PRODUCER_REVOKED = FactKind(
    "identity:producer:revoked",
    "A service may no longer post a contract for the tenant.",
    {"object_id": OBJECT_ID, "contract": CONTRACT},
)
