-- name: insert_intent
-- Announce a message; it leaves after the commit.
INSERT INTO ops.outbox (outbox_id, tenant_id, queue, envelope, traceparent, created_at)
VALUES (%(outbox_id)s, %(tenant_id)s, %(queue)s, %(envelope)s, %(traceparent)s, %(now)s);

-- name: take_intents
-- Intents that are due, locked for this sweeper; no row: nothing waits. Oldest first among those
-- that were tried equally often, so that one that can never leave keeps nobody waiting.
SELECT outbox_id, queue, envelope FROM ops.outbox
 WHERE sent_at IS NULL AND created_at <= %(before)s
 ORDER BY attempts, created_at
 LIMIT %(batch)s
   FOR UPDATE SKIP LOCKED;

-- name: mark_sent
-- Note what left and what was tried in vain.
UPDATE ops.outbox
   SET attempts = attempts + 1,
       sent_at = CASE WHEN outbox_id = ANY(%(outbox_ids)s) THEN %(now)s::timestamptz END
 WHERE outbox_id = ANY(%(outbox_ids)s) OR outbox_id = ANY(%(failed_ids)s);
