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
SELECT k.name AS kind,
       m.messages,
       round(100.0 * m.messages / sum(m.messages) OVER (), 2) AS share,
       round(100.0 * m.delivered / m.messages, 2) AS delivered,
       m.bytes,
       round(1.0 * m.bytes / m.messages, 1) AS bytes_mean,
       round(m.way_ns / m.delivered / 1e6, 3) AS delay_ms_mean
FROM (SELECT kind,
             count(*) AS messages,
             count(target_seq) AS delivered,
             sum(bytes) AS bytes,
             total(CASE WHEN target_seq IS NOT NULL THEN delay_ns + queue_ns END) AS way_ns
      FROM message GROUP BY kind) m
JOIN message_kind k ON k.id = m.kind
ORDER BY m.messages DESC, k.name;
