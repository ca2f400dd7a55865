"""Approvals: what may not happen before a second person has agreed to exactly that (design 2.6).

Owns ``ops.approval``; imports ``identity`` and ``governance``. Knows nothing of what is approved:
a room that wants a second person declares a kind, proposes a plan in its own transaction, and
takes the approval in the transaction of the effect.

============== ===========================================================================
``kinds``      what a room declares: who proposes, who decides, how long it stands
``model``      an approval as people see it, states and their moves, reason codes
``states``     the one module that moves states; each move commits with its fact
``service``    propose, approve, deny, withdraw, take, expire; find and list
``wire``       how all that is spelled over HTTP
============== ===========================================================================

::

    proposed -> approved | denied | withdrawn | expired
    approved -> effective | withdrawn | expired

Until it takes effect, whoever asked may withdraw it, and whoever approved it may, too: a decision
that is regretted must not lie about for days until somebody uses it.

Invariants
    - The second person is another one (``approval_second_person``), and both are people: users
      with a verified credential of a person who hold the permission through a role *now*, read in
      the transaction of the move. An approval whose approver has lost the role has no effect.
    - The approver quotes the plan that was shown, and what is executed is computed anew: another
      plan is stale (``approval_plan_is_digested``, `errors.PlanStale`).
    - States move forward along the arrows, by whomever (``approval_moves_forward``).
    - One open request per plan (``approval_one_open``); asking again returns it.
    - It takes effect at most once, with the effect or not at all: the row is locked and moved in
      the transaction of the effect.
    - Expiry counts from ``call.now`` at every use; the timer only writes down what is so.

Failure answers: every refusal is a `Conflict` that says what to do next, or a `Denied`. Why
somebody asked or decided is free text; it stays in the row and is in no fact, log or error (D23).
"""
