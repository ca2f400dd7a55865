"""Which policy is in force: a revision is the digest of what it says.

Owns ``ops.policy_revision``; imports ``governance``, ``identity`` and ``approvals``.

``policy_rev`` is the digest of contracts, class map and partitioning profiles (002-R13). A
release carries one; it takes effect when an operator activates it, as an explicit boundary
(002-R14), with the approval of a second person who saw what changes (`plan`). There is no
exception for the first activation: a new environment needs two people. Requests say which one they
expect (002-R15), records say which one held (002-R16).

::

    (unknown) -> active -> superseded -> active …

Invariants
    - At most one revision is active (``policy_revision_one_active``).
    - What comes into force is what was approved: the change is computed again under the lock of
      the boundary, and another one is stale (`approvals.errors.PlanStale`).
    - What follows from an activation (``on_activated``) commits with it.
"""
