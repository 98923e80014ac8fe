-- The lookups that took longest.
-- parameters: count (integer > 0, 10): how many to show
-- columns: lookup (-): its id, for lookup-path
--          peer (-): where it started
--          started_s (s): when
--          latency_ms (ms): how long it took
--          hops (-): messages on the path
--          messages (-): sent for it
--          timeouts (-): requests that got no answer in time
--          outcome (-): succeeded or failed
--          correct (-): 1 right, 0 wrong
-- example: peerlab query trace.db slowest-lookups count=5
SELECT l.id AS lookup, p.name AS peer, round(l.started_at_ns / 1e9, 3) AS started_s,
       round((l.ended_at_ns - l.started_at_ns) / 1e6, 3) AS latency_ms, l.hops, l.messages, l.timeouts, l.outcome,
       l.correct
FROM lookup l LEFT JOIN peer p ON p.peer = l.peer
WHERE l.outcome <> 'unfinished' AND l.ended_at_ns IS NOT NULL
ORDER BY l.ended_at_ns - l.started_at_ns DESC, l.id
LIMIT coalesce(:count, 10);
