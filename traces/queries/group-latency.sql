-- Delay of delivered messages between groups of peers.
-- parameters: none
-- columns: from_group (-): the sender's
--          to_group (-): the target's
--          messages (-): delivered
--          delay_ms_min (ms): least time on the way
--          delay_ms_mean (ms): mean time on the way
--          delay_ms_max (ms): greatest time on the way
--          queue_ms_mean (ms): mean wait for links, not in the above
-- example: peerlab query trace.db group-latency
WITH group_of AS (
  SELECT peer, dense_rank() OVER (ORDER BY group_name) AS id, group_name FROM peer
), name AS (
  SELECT DISTINCT id, group_name FROM group_of
)
SELECT a.group_name AS from_group, b.group_name AS to_group, g.messages,
       round(g.delay_ns_min / 1e6, 3) AS delay_ms_min,
       round(g.delay_ns / g.messages / 1e6, 3) AS delay_ms_mean,
       round(g.delay_ns_max / 1e6, 3) AS delay_ms_max,
       round(g.queue_ns / g.messages / 1e6, 3) AS queue_ms_mean
FROM (SELECT s.id AS a, t.id AS b, count(*) AS messages, min(delay_ns) AS delay_ns_min, max(delay_ns) AS delay_ns_max,
             total(delay_ns) AS delay_ns, total(queue_ns) AS queue_ns
      FROM message m JOIN group_of s ON s.peer = m.source JOIN group_of t ON t.peer = m.target
      WHERE m.target_seq IS NOT NULL
      GROUP BY s.id, t.id) g
JOIN name a ON a.id = g.a
JOIN name b ON b.id = g.b
ORDER BY from_group, to_group;
