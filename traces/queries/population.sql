-- Peers up over time, from the events of coming and going, so that it works while the run goes on and after a kill.
-- parameters: bucket_s (number > 0, 60): length of a span of time, seconds
-- columns: until_s (s): end of the span
--          came (-): peers that came up in it
--          went (-): peers that went down in it
--          up (-): peers up at its end
-- example: peerlab query trace.db population bucket_s=600
WITH change(at_ns, came, went) AS (
  SELECT e.at_ns, k.name IN ('join', 'restart'), k.name IN ('leave', 'crash')
  FROM event e JOIN event_kind k ON k.id = e.kind
  WHERE k.name IN ('join', 'restart', 'leave', 'crash')
), counted AS (
  SELECT cast(at_ns / (coalesce(:bucket_s, 60) * 1e9) AS INTEGER) AS bucket, sum(came) AS came, sum(went) AS went
  FROM change GROUP BY bucket
)
SELECT (bucket + 1) * coalesce(:bucket_s, 60) AS until_s, came, went, sum(came - went) OVER (ORDER BY bucket) AS up
FROM counted
ORDER BY bucket;
