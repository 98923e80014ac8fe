-- The peers that sent and got the most messages.
-- parameters: count (integer, 10): how many peers to show
-- columns: peer (-): its name
--          group_name (-): its group
--          sent (-): messages
--          received (-): messages delivered to it
--          sent_bytes (B): payload
--          received_bytes (B): payload
--          share (%): of all messages sent or received
-- example: peerlab query trace.db busiest-peers count=20
WITH sent AS (
  SELECT source AS peer, count(*) AS messages, sum(bytes) AS bytes FROM message GROUP BY source
), received AS (
  SELECT target AS peer, count(*) AS messages, sum(bytes) AS bytes FROM message
  WHERE target_seq IS NOT NULL GROUP BY target
), both AS (
  SELECT peer, sum(sent) AS sent, sum(received) AS received, sum(sent_bytes) AS sent_bytes,
         sum(received_bytes) AS received_bytes
  FROM (SELECT peer, messages AS sent, 0 AS received, bytes AS sent_bytes, 0 AS received_bytes FROM sent
        UNION ALL
        SELECT peer, 0, messages, 0, bytes FROM received)
  GROUP BY peer
)
SELECT p.name AS peer, p.group_name, b.sent, b.received, b.sent_bytes, b.received_bytes,
       round(100.0 * (b.sent + b.received) / (SELECT sum(sent + received) FROM both), 3) AS share
FROM both b JOIN peer p ON p.peer = b.peer
ORDER BY b.sent + b.received DESC, b.peer
LIMIT coalesce(:count, 10);
