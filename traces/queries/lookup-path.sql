-- The causal path of one lookup: what led from its start to its end, oldest first.
-- parameters: lookup (lookup): its id in the table lookup (slowest-lookups shows some)
-- columns: step (-): 0 is the event that started it
--          at_ms (ms): when
--          since_start_ms (ms): since the lookup started
--          peer (-): where
--          seq (-): (peer, seq) is the event's identity
--          what (-): delivered, or the kind of another event
--          kind (-): of the message delivered
--          sender (-): of the message delivered
--          bytes (B): of the message delivered
-- example: peerlab query trace.db lookup-path lookup=17
WITH RECURSIVE asked AS (
  SELECT * FROM lookup WHERE id = :lookup
), path(depth, peer, seq) AS (
  SELECT 0, peer, ended_seq FROM asked WHERE ended_seq IS NOT NULL
  UNION ALL
  SELECT path.depth + 1, m.source, m.cause_seq
  FROM path, asked CROSS JOIN message m ON m.target = path.peer AND m.target_seq = path.seq
  WHERE m.cause_seq IS NOT NULL AND NOT (path.peer = asked.peer AND path.seq IS asked.seq)
  UNION ALL
  SELECT path.depth + 1, e.peer, e.cause_seq
  FROM path, asked CROSS JOIN event e ON e.peer = path.peer AND e.seq = path.seq
  WHERE e.cause_seq IS NOT NULL AND NOT (path.peer = asked.peer AND path.seq IS asked.seq)
), happened(depth, at_ns, peer, seq, what, kind, sender, bytes) AS (
  SELECT path.depth, m.sent_at_ns + m.queue_ns + m.delay_ns, path.peer, path.seq, 'delivered',
         (SELECT name FROM message_kind k WHERE k.id = m.kind), m.source, m.bytes
  FROM path CROSS JOIN message m ON m.target = path.peer AND m.target_seq = path.seq
  UNION ALL
  SELECT path.depth, e.at_ns, path.peer, path.seq, (SELECT name FROM event_kind k WHERE k.id = e.kind), NULL, NULL, NULL
  FROM path CROSS JOIN event e ON e.peer = path.peer AND e.seq = path.seq
)
SELECT row_number() OVER (ORDER BY h.depth DESC) - 1 AS step,
       round(h.at_ns / 1e6, 6) AS at_ms,
       round((h.at_ns - asked.started_at_ns) / 1e6, 6) AS since_start_ms,
       p.name AS peer, h.seq, h.what, h.kind, s.name AS sender, h.bytes
FROM happened h, asked
LEFT JOIN peer p ON p.peer = h.peer
LEFT JOIN peer s ON s.peer = h.sender
ORDER BY h.depth DESC;
