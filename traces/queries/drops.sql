-- What was dropped and why, by kind of message.
-- parameters: none
-- columns: reason (-): why it was dropped
--          kind (-): of message
--          messages (-): dropped so
--          share (%): of all messages sent
--          bytes (B): payload of those dropped
--          first_s (s): when the first of them was sent
--          last_s (s): when the last of them was sent
-- example: peerlab query trace.db drops
SELECT f.name AS reason, k.name AS kind, c.messages,
       round(100.0 * c.messages / (SELECT count(*) FROM message), 3) AS share,
       c.bytes, round(c.first_ns / 1e9, 3) AS first_s, round(c.last_ns / 1e9, 3) AS last_s
FROM (SELECT fate, kind, count(*) AS messages, sum(bytes) AS bytes, min(sent_at_ns) AS first_ns,
             max(sent_at_ns) AS last_ns
      FROM message
      WHERE fate IN (SELECT id FROM fate WHERE name NOT IN ('delivered', 'in_flight'))
      GROUP BY fate, kind) c
JOIN fate f ON f.id = c.fate
JOIN message_kind k ON k.id = c.kind
ORDER BY c.messages DESC, f.name, k.name;
