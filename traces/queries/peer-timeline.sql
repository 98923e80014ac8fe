-- All that one peer sent, got and did, in order.
-- parameters: peer (peer): its name, or its index
--             from_s (number, 0): from when on, seconds
--             until_s (number, the end): up to when, seconds
--             count (integer > 0, 200): how many rows at most
-- columns: at_ms (ms): when
--          seq (-): of what was dispatched to it
--          what (-): sent, delivered, why a message was dropped on arrival, or the kind of another event
--          kind (-): of message
--          other (-): the other peer
--          bytes (B): payload
--          cause_seq (-): of the event of the sender, or of this peer, that led to it
--          detail (-): of an event, by its kind; of what it sent, the fate
-- example: peerlab query trace.db peer-timeline peer=server.0 from_s=2400 until_s=2460
WITH me AS (
  SELECT peer FROM peer WHERE name = :peer OR peer = :peer LIMIT 1
), happened(at_ns, seq, what, kind, other, bytes, cause_seq, detail, ordinal) AS (
  SELECT m.sent_at_ns, NULL, 'sent', m.kind, m.target, m.bytes, m.cause_seq,
         (SELECT name FROM fate f WHERE f.id = m.fate), 2
  FROM message m WHERE m.source = (SELECT peer FROM me)
  UNION ALL
  SELECT m.sent_at_ns + m.queue_ns + m.delay_ns, m.target_seq, (SELECT name FROM fate f WHERE f.id = m.fate), m.kind,
         m.source, m.bytes, m.cause_seq, NULL, 1
  FROM message m WHERE m.target = (SELECT peer FROM me) AND m.delay_ns IS NOT NULL
  UNION ALL
  SELECT e.at_ns, e.seq, (SELECT name FROM event_kind k WHERE k.id = e.kind), NULL, e.other, NULL, e.cause_seq, e.detail,
         1
  FROM event e WHERE e.peer = (SELECT peer FROM me)
)
SELECT round(h.at_ns / 1e6, 6) AS at_ms, h.seq, h.what, k.name AS kind, o.name AS other, h.bytes, h.cause_seq, h.detail
FROM happened h
LEFT JOIN message_kind k ON k.id = h.kind
LEFT JOIN peer o ON o.peer = h.other
WHERE h.at_ns >= coalesce(:from_s, 0) * 1e9 AND (:until_s IS NULL OR h.at_ns < :until_s * 1e9)
ORDER BY h.at_ns, h.ordinal, h.seq
LIMIT coalesce(:count, 200);
