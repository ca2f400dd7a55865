-- name: look_around
-- The environment of this database and whether the release's policy is in force; no row: the
-- database is not initialised.
SELECT environment,
       EXISTS (
           SELECT FROM ops.policy_revision
            WHERE state = 'active' AND policy_rev = %(policy_rev)s
       ) AS policy_active
  FROM ops.environment_marker;

-- name: backlog
-- What waits for somebody, counted up to a bound: ledger rows outside the partition of a month,
-- receipt documents that are overdue, records in quarantine that are about to expire, and the
-- oldest message that has not left; and which policy is in force.
SELECT (SELECT count(*)
          FROM (SELECT FROM ops.admission_other
                UNION ALL
                SELECT FROM ops.fact_other
                LIMIT %(most)s) AS stray) AS strayed,
       (SELECT count(*)
          FROM (SELECT FROM ops.receipt_document
                 WHERE written_at IS NULL AND created_at < %(overdue)s
                 LIMIT %(most)s) AS late) AS unwritten,
       (SELECT count(*)
          FROM (SELECT FROM ops.quarantine
                 WHERE state = 'held' AND expires_at < %(soon)s
                 LIMIT %(most)s) AS ending) AS expiring,
       (SELECT policy_rev FROM ops.policy_revision WHERE state = 'active') AS policy_rev,
       (SELECT min(created_at) FROM ops.outbox WHERE sent_at IS NULL) AS oldest_unsent;
