-- The peers that sent and got the most messages.
-- parameters: count (integer > 0, 10): how many peers to show
-- columns: peer (-): its name
--          group_name (-): its group
--          sent (-): messages
--          received (-): messages delivered to it
--          sent_bytes (B): payload
--          received_bytes (B): payload
--          share (%): of all messages sent or received
-- example: peerlab query trace.db busiest-peers count=20

-- Bytes are added up for the peers that are shown only: counting alone sorts less and can use the index.
WITH both AS MATERIALIZED (
  SELECT peer, sum(sent) AS sent, sum(received) AS received
  FROM (SELECT source AS peer, count(*) AS sent, 0 AS received FROM message WHERE source IS NOT NULL GROUP BY source
        UNION ALL
        SELECT target, 0, count(target_seq) FROM message WHERE target IS NOT NULL GROUP BY target)
  GROUP BY peer
), top AS MATERIALIZED (
  SELECT * FROM both ORDER BY sent + received DESC, peer LIMIT coalesce(:count, 10)
), sent_bytes AS MATERIALIZED (
  SELECT source AS peer, sum(bytes) AS bytes FROM message WHERE source IN (SELECT peer FROM top) GROUP BY source
)
SELECT p.name AS peer, p.group_name, t.sent, t.received, coalesce(s.bytes, 0) AS sent_bytes,
       (SELECT coalesce(sum(m.bytes), 0) FROM message m WHERE m.target = t.peer AND m.target_seq IS NOT NULL)
         AS received_bytes,
       round(100.0 * (t.sent + t.received) / (SELECT sum(sent + received) FROM both), 3) AS share
FROM top t
JOIN peer p ON p.peer = t.peer
LEFT JOIN sent_bytes s ON s.peer = t.peer
ORDER BY t.sent + t.received DESC, t.peer;
