-- Delay of delivered messages between groups of peers.
-- parameters: every (integer > 0, 1): look at one message in so many only, which is faster on large traces
-- columns: from_group (-): the sender's
--          to_group (-): the target's
--          messages (-): delivered, of those looked at
--          delay_ms_min (ms): least time on the way
--          delay_ms_mean (ms): mean time on the way
--          delay_ms_max (ms): greatest time on the way
--          queue_ms_mean (ms): mean wait for links, not in the above
-- example: peerlab query trace.db group-latency

-- Groups are numbered, since messages sort much faster by one number than by two names.
WITH grouped AS (
  SELECT group_name, row_number() OVER (ORDER BY group_name) AS number FROM (SELECT DISTINCT group_name FROM peer)
), member(peer, number) AS MATERIALIZED (
  SELECT p.peer, g.number FROM peer p JOIN grouped g ON g.group_name = p.group_name
), counted AS (
  SELECT a.number * 65536 + b.number AS pair, count(*) AS messages, min(m.delay_ns) AS delay_ns_min,
         max(m.delay_ns) AS delay_ns_max, total(m.delay_ns) AS delay_ns, total(m.queue_ns) AS queue_ns
  FROM message m NOT INDEXED CROSS JOIN member a ON a.peer = m.source CROSS JOIN member b ON b.peer = m.target
  WHERE m.target_seq IS NOT NULL AND m.id % coalesce(:every, 1) = 0
  GROUP BY pair
)
SELECT a.group_name AS from_group, b.group_name AS to_group, c.messages,
       round(c.delay_ns_min / 1e6, 3) AS delay_ms_min,
       round(c.delay_ns / c.messages / 1e6, 3) AS delay_ms_mean,
       round(c.delay_ns_max / 1e6, 3) AS delay_ms_max,
       round(c.queue_ns / c.messages / 1e6, 3) AS queue_ms_mean
FROM counted c
JOIN grouped a ON a.number = c.pair / 65536
JOIN grouped b ON b.number = c.pair % 65536
ORDER BY from_group, to_group;
