-- Messages by kind: how many, how large, how long on the way.
-- parameters: none
-- columns: kind (-): what the message is
--          messages (-): sent
--          share (%): of all messages sent
--          delivered (%): of these
--          bytes (B): payload, all together
--          bytes_mean (B): payload of one
--          delay_ms_mean (ms): of those delivered, waiting for links included
-- example: peerlab query trace.db message-kinds

-- Reading all messages once a kind is cheaper than sorting them by kind, which GROUP BY m.kind would do.
WITH counted AS (
  SELECT k.name AS kind, count(*) AS messages, count(m.target_seq) AS delivered, sum(m.bytes) AS bytes,
         total(CASE WHEN m.target_seq IS NOT NULL THEN m.delay_ns + m.queue_ns END) AS way_ns
  FROM message_kind k CROSS JOIN message m ON +m.kind = k.id
  GROUP BY k.id
)
SELECT kind,
       messages,
       round(100.0 * messages / sum(messages) OVER (), 2) AS share,
       round(100.0 * delivered / messages, 2) AS delivered,
       bytes,
       round(1.0 * bytes / messages, 1) AS bytes_mean,
       round(way_ns / delivered / 1e6, 3) AS delay_ms_mean
FROM counted
ORDER BY messages DESC, kind;
