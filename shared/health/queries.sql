-- name: look_around
-- The environment of this database and whether the release's policy is in force; no row: the
-- database is not initialised.
SELECT environment,
       EXISTS (
           SELECT FROM ops.policy_revision
            WHERE state = 'active' AND policy_rev = %(policy_rev)s
       ) AS policy_active
  FROM ops.environment_marker;
