"""Which policy is in force: a revision is the digest of what it says.

Owns ``ops.policy_revision``; imports ``governance`` and ``identity``.

``policy_rev`` is the digest of contracts, class map and partitioning profiles (002-R13). A
release carries one; it takes effect when an operator activates it, as an explicit boundary
(002-R14). Requests say which one they expect (002-R15), records say which one held (002-R16).

::

    (unknown) -> active -> superseded -> active …

Invariant: at most one revision is active (``policy_revision_one_active``).
"""
