-- name: try_to_seal_alone
-- Whether nobody else seals at this moment; the answer holds until the transaction ends.
SELECT pg_try_advisory_xact_lock(4713002004);

-- name: seal_alone
-- Wait until nobody else seals.
SELECT pg_advisory_xact_lock(4713002004);

-- name: place
-- Where this database belongs, and since when; no row: it is not initialised.
SELECT environment, workspace, initialised_at FROM ops.environment_marker;

-- name: epochs
-- The later epochs of a stream and the seq above which each begins, in order.
SELECT epoch, above_seq FROM ops.ledger_epoch
 WHERE stream = %(stream)s
 ORDER BY epoch;

-- name: next_xid
-- The id that the next transaction of this cluster gets.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- name: begin_epoch
-- Begin the next epoch of every stream; writers wait until the transaction ends.
SELECT ops.begin_ledger_epoch(%(now)s);

-- name: highest_seq
-- The highest seq of a stream that anybody can see.
SELECT max(entry.seq)
  FROM (SELECT 'admission' AS stream, max(seq) AS seq FROM ops.admission
        UNION ALL
        SELECT 'fact' AS stream, max(seq) AS seq FROM ops.fact) AS entry
 WHERE entry.stream = %(stream)s::text;

-- name: read_in_order
-- Let the rest of the transaction read entries along their index. The planner knows nothing of the
-- rows that came last, takes them for few, and would sort all that wait to take the first ones.
SELECT set_config('enable_sort', 'off', true);

-- name: entries_to_seal
-- The next rows of a stream that can be sealed: behind the last sealed one and older than every
-- running transaction. In an epoch that is over no transaction can still add one.
SELECT entry.xid::text::bigint, entry.seq, entry.month, convert_to(entry.body, 'UTF8')
  FROM (SELECT 'admission' AS stream, xid, seq, month, body FROM ops.admission
        UNION ALL
        SELECT 'fact' AS stream, xid, seq, month, body FROM ops.fact) AS entry
 WHERE entry.stream = %(stream)s::text
   AND (%(after_xid)s::text IS NULL
        OR (entry.xid, entry.seq) > (%(after_xid)s::text::xid8, %(after_seq)s::bigint))
   AND (%(above_seq)s::bigint IS NULL OR entry.seq > %(above_seq)s::bigint)
   AND (%(up_to_seq)s::bigint IS NULL OR entry.seq <= %(up_to_seq)s::bigint)
   AND (%(closed)s::boolean OR entry.xid < pg_snapshot_xmin(pg_current_snapshot()))
 ORDER BY entry.xid, entry.seq
 LIMIT %(most)s;

-- name: entries_between
-- The rows of a stream in a stretch of one epoch, in the order of sealing.
SELECT entry.xid::text::bigint, entry.seq, convert_to(entry.body, 'UTF8')
  FROM (SELECT 'admission' AS stream, xid, seq, body FROM ops.admission
        UNION ALL
        SELECT 'fact' AS stream, xid, seq, body FROM ops.fact) AS entry
 WHERE entry.stream = %(stream)s::text
   AND (%(after_xid)s::text IS NULL
        OR (entry.xid, entry.seq) > (%(after_xid)s::text::xid8, %(after_seq)s::bigint))
   AND (entry.xid, entry.seq) <= (%(through_xid)s::text::xid8, %(through_seq)s::bigint)
   AND (%(above_seq)s::bigint IS NULL OR entry.seq > %(above_seq)s::bigint)
   AND (%(up_to_seq)s::bigint IS NULL OR entry.seq <= %(up_to_seq)s::bigint)
 ORDER BY entry.xid, entry.seq;

-- name: entries_waiting
-- How many rows of a stream are not sealed, counted up to a bound, and the oldest that could be
-- sealed and that a running transaction holds back; a row is as old as its text says.
SELECT count(*) AS unsealed,
       min(waiting.dated) FILTER (WHERE waiting.free) AS oldest_free,
       min(waiting.dated) FILTER (WHERE NOT waiting.free) AS oldest_held
  FROM (SELECT entry.dated,
               entry.xid < pg_snapshot_xmin(pg_current_snapshot()) OR %(closed)s::boolean AS free
          FROM (SELECT 'admission' AS stream, xid, seq, admitted_at AS dated FROM ops.admission
                UNION ALL
                SELECT 'fact' AS stream, xid, seq, recorded_at AS dated FROM ops.fact) AS entry
         WHERE entry.stream = %(stream)s::text
           AND (%(after_xid)s::text IS NULL
                OR (entry.xid, entry.seq) > (%(after_xid)s::text::xid8, %(after_seq)s::bigint))
           AND (%(above_seq)s::bigint IS NULL OR entry.seq > %(above_seq)s::bigint)
           AND (%(up_to_seq)s::bigint IS NULL OR entry.seq <= %(up_to_seq)s::bigint)
         ORDER BY entry.xid, entry.seq
         LIMIT %(most)s) AS waiting;

-- name: altered_columns
-- In how many ways a stream is not the table that was made; 0: what is proven is what is queried.
-- It is partitioned and has partitions; in each of them every column is there and is generated from
-- its member of the text, none other is, and a row has to stand in the month of its text.
WITH part AS (
    SELECT class.oid, class.relkind
      FROM pg_partition_tree(to_regclass(%(table)s::text)) AS tree
      JOIN pg_class AS class ON class.oid = tree.relid
), expected AS (
    SELECT made.name, made.member
      FROM unnest(%(columns)s::text[], %(members)s::text[]) AS made (name, member)
     UNION ALL
    SELECT plain.name, NULL FROM unnest(ARRAY['month', 'seq', 'xid', 'body']) AS plain (name)
), col AS (
    SELECT part.oid, att.attname::text AS name, att.attgenerated <> '' AS generated,
           pg_get_expr(def.adbin, def.adrelid) AS expression
      FROM part
      JOIN pg_attribute AS att ON att.attrelid = part.oid
      LEFT JOIN pg_attrdef AS def ON def.adrelid = att.attrelid AND def.adnum = att.attnum
     WHERE att.attnum > 0 AND NOT att.attisdropped
)
SELECT (NOT EXISTS (SELECT FROM part WHERE part.relkind = 'p'
                       AND part.oid = to_regclass(%(table)s::text)))::integer
     + (NOT EXISTS (SELECT FROM part WHERE part.relkind = 'r'))::integer
     + (SELECT count(*) FROM part WHERE part.relkind NOT IN ('p', 'r'))
     + (SELECT count(*) FROM part CROSS JOIN expected
         WHERE NOT EXISTS (
                   SELECT FROM col
                    WHERE col.oid = part.oid AND col.name = expected.name
                      AND col.generated = (expected.member IS NOT NULL)
                      AND (expected.member IS NULL
                           OR col.expression ~ concat(
                                  '^\(+body\)::jsonb ->> ''', expected.member, '''::text\)+$'))
               ))
     + (SELECT count(*) FROM col
         WHERE NOT EXISTS (SELECT FROM expected WHERE expected.name = col.name))
     + (SELECT count(*) FROM part
         WHERE NOT EXISTS (
                   SELECT FROM pg_constraint AS con
                    WHERE con.conrelid = part.oid AND con.contype = 'c' AND con.convalidated
                      AND con.conenforced
                      AND con.conname = %(constraint)s::text
                      AND pg_get_expr(con.conbin, con.conrelid) = %(condition)s::text
               ))
     + (SELECT count(*) FROM pg_proc AS func
         WHERE func.oid = to_regprocedure('ops.month_of(text)')
           AND pg_get_function_sqlbody(func.oid) IS DISTINCT FROM
               'RETURN (replace("left"(instant, 7), ''-''::text, ''''::text))::integer');

-- name: last_seal
-- The last seal of a stream; no row: nothing is sealed yet.
SELECT body, signature, leaves FROM ops.seal
 WHERE stream = %(stream)s
 ORDER BY number DESC
 LIMIT 1;

-- name: last_body
-- The text of the last seal of a stream; no row: nothing is sealed yet.
SELECT body FROM ops.seal
 WHERE stream = %(stream)s
 ORDER BY number DESC
 LIMIT 1;

-- name: seal_of_number
-- One seal of a stream; no row: there is none of that number.
SELECT body, signature, leaves FROM ops.seal
 WHERE stream = %(stream)s AND number = %(number)s;

-- name: seals_from
-- The seals of a stream from one number on, with as many as hold a number of entries together, and
-- one at least; the column tells the number that Postgres files a seal under.
SELECT page.number, page.body, page.signature, page.leaves
  FROM (SELECT number, body, signature, leaves,
               sum(octet_length(leaves) / 32) OVER (ORDER BY number) AS entries,
               row_number() OVER (ORDER BY number) AS rank
          FROM ops.seal
         WHERE stream = %(stream)s AND number >= %(number)s AND number < %(number)s + %(most)s
       ) AS page
 WHERE page.rank = 1 OR page.entries <= %(entries)s
 ORDER BY page.number;

-- name: next_number
-- The number of the first seal from one number on; NULL: there is none.
SELECT min(number) FROM ops.seal WHERE stream = %(stream)s AND number >= %(number)s;

-- name: seal_of_position
-- The seal whose stretch a row's position falls into; no row: it is not sealed yet.
SELECT body, signature, leaves FROM ops.seal
 WHERE stream = %(stream)s AND epoch = %(epoch)s
   AND (through_xid, through_seq) >= (%(xid)s::bigint, %(seq)s::bigint)
 ORDER BY through_xid, through_seq
 LIMIT 1;

-- name: first_of_later_epochs
-- The first seals of the epochs after one, in order; no row: none has any yet.
SELECT body, signature FROM ops.seal
 WHERE stream = %(stream)s AND epoch > %(epoch)s
 ORDER BY epoch, through_xid, through_seq
 LIMIT %(most)s;

-- name: insert_seal
-- Append a seal.
INSERT INTO ops.seal (body, signature, leaves) VALUES (%(body)s, %(signature)s, %(leaves)s);

-- name: insert_intent
-- Announce the copy of a seal in Blob storage; it is written after the commit.
INSERT INTO ops.seal_intent (stream, number, created_at)
VALUES (%(stream)s, %(number)s, %(now)s);

-- name: uncopied_seals
-- Seals whose copy is not written, oldest first, behind the one that was looked at last.
SELECT intent.stream, intent.number, seal.body, seal.signature, seal.leaves
  FROM ops.seal_intent AS intent
  JOIN ops.seal AS seal USING (stream, number)
 WHERE (intent.stream, intent.number) > (%(stream)s, %(number)s)
 ORDER BY intent.stream, intent.number
 LIMIT %(most)s;

-- name: uncopied_numbers
-- The numbers of a stream's seals whose copy is not written.
SELECT number FROM ops.seal_intent WHERE stream = %(stream)s;

-- name: forget_intent
-- A seal's copy is written.
DELETE FROM ops.seal_intent WHERE stream = %(stream)s AND number = %(number)s;

-- name: entry_of_receipt
-- The row of a receipt inside its tenant; no row: it is not there, or not for this caller.
SELECT xid::text::bigint AS xid, seq, body FROM ops.admission
 WHERE tenant_id = %(tenant_id)s AND receipt_id = %(receipt_id)s
 ORDER BY seq
 LIMIT 1;
