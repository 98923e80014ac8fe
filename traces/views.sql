-- Views with names in place of numbers, and the timeline. They are made when the trace opens, so they work while the run
-- goes on. TABLE_named has the rows of TABLE.

CREATE VIEW message_named AS
SELECT m.id, m.sent_at_ns, m.sent_at_ns + m.queue_ns + m.delay_ns AS arrived_at_ns, s.name AS source, m.cause_seq,
       t.name AS target, m.target_seq, k.name AS kind, m.bytes, m.delay_ns, m.queue_ns, f.name AS fate
FROM message m
LEFT JOIN peer s ON s.peer = m.source
LEFT JOIN peer t ON t.peer = m.target
LEFT JOIN message_kind k ON k.id = m.kind
LEFT JOIN fate f ON f.id = m.fate;

CREATE VIEW event_named AS
SELECT e.id, e.at_ns, p.name AS peer, e.seq, k.name AS kind, o.name AS other, e.cause_seq, e.detail
FROM event e
LEFT JOIN peer p ON p.peer = e.peer
LEFT JOIN peer o ON o.peer = e.other
LEFT JOIN event_kind k ON k.id = e.kind;

CREATE VIEW session_named AS
SELECT p.name AS peer, p.group_name, s.incarnation, s.up_at_ns, s.down_at_ns, s.down_at_ns - s.up_at_ns AS length_ns,
       s.ending, s.overlay_id
FROM session s LEFT JOIN peer p ON p.peer = s.peer;

CREATE VIEW lookup_named AS
SELECT l.id, p.name AS peer, p.group_name, l.seq, l.ended_seq, l.key, l.started_at_ns, l.ended_at_ns,
       l.ended_at_ns - l.started_at_ns AS latency_ns, l.hops, l.messages, l.timeouts, l.outcome, l.correct
FROM lookup l LEFT JOIN peer p ON p.peer = l.peer;

CREATE VIEW broadcast_named AS
SELECT b.id, p.name AS peer, b.seq, b.topic, b.published_at_ns, b.bytes, b.eligible
FROM broadcast b LEFT JOIN peer p ON p.peer = b.peer;

CREATE VIEW delivery_named AS
SELECT d.broadcast, p.name AS peer, d.seq, d.at_ns, d.at_ns - b.published_at_ns AS latency_ns, d.hops, d.duplicates
FROM delivery d LEFT JOIN peer p ON p.peer = d.peer LEFT JOIN broadcast b ON b.id = d.broadcast;

CREATE VIEW neighbour_named AS
SELECT n.at_ns, p.name AS peer, o.name AS other, n.table_name, n.added
FROM neighbour n LEFT JOIN peer p ON p.peer = n.peer LEFT JOIN peer o ON o.peer = n.other;

CREATE VIEW fault_named AS
SELECT f.name AS fault, f.kind, f.started_at_ns, f.ended_at_ns, p.name AS peer
FROM fault f LEFT JOIN fault_peer s ON s.fault = f.id LEFT JOIN peer p ON p.peer = s.peer;

-- Everything that happened to messages and peers, in order. A delivery, and a drop on arrival, stand at the target; a
-- drop at sending stands at the source. what: the fate of a message (delivered, in_flight, or why it was dropped), or
-- the kind of another event. (cause_peer, cause_seq): the event that led to it. id: of the row in message or in event.
CREATE VIEW timeline AS
SELECT CASE WHEN delay_ns IS NULL THEN sent_at_ns ELSE sent_at_ns + queue_ns + delay_ns END AS at_ns,
       CASE WHEN delay_ns IS NULL OR target IS NULL THEN source ELSE target END AS peer,
       target_seq AS seq,
       (SELECT name FROM fate WHERE fate.id = fate) AS what,
       CASE WHEN delay_ns IS NULL OR target IS NULL THEN target ELSE source END AS other,
       (SELECT name FROM message_kind WHERE message_kind.id = kind) AS kind,
       bytes, NULL AS detail, source AS cause_peer, cause_seq, id
FROM message
UNION ALL
SELECT at_ns, peer, seq, (SELECT name FROM event_kind WHERE event_kind.id = kind), other, NULL, NULL, detail, peer,
       cause_seq, id
FROM event
ORDER BY at_ns, peer, seq, cause_peer, id;
