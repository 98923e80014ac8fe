-- Peers up over time, from sessions and, for those that have not ended yet, from joins; works while the run goes on.
-- parameters: bucket_s (number, 60): length of a span of time, seconds
-- columns: until_s (s): end of the span
--          came (-): peers that came up in it
--          went (-): peers that went down in it
--          up (-): peers up at its end
-- example: peerlab query trace.db population bucket_s=600
WITH joined AS (
  SELECT e.peer, e.at_ns FROM event e JOIN event_kind k ON k.id = e.kind WHERE k.name IN ('join', 'restart')
), change(at_ns, came, went) AS (
  SELECT up_at_ns, 1, 0 FROM session
  UNION ALL
  SELECT down_at_ns, 0, 1 FROM session WHERE down_at_ns IS NOT NULL
  UNION ALL
  SELECT j.at_ns, 1, 0 FROM joined j LEFT JOIN session s ON s.peer = j.peer AND s.up_at_ns = j.at_ns
  WHERE s.peer IS NULL
), counted AS (
  SELECT cast(at_ns / (coalesce(:bucket_s, 60) * 1e9) AS INTEGER) AS bucket, sum(came) AS came, sum(went) AS went
  FROM change GROUP BY bucket
)
SELECT (bucket + 1) * coalesce(:bucket_s, 60) AS until_s, came, went, sum(came - went) OVER (ORDER BY bucket) AS up
FROM counted
ORDER BY bucket;
