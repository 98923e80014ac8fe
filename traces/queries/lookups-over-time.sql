-- Lookups over time, by when they started: how many, how well, how fast.
-- parameters: bucket_s (number > 0, 60): length of a span of time, seconds
-- columns: from_s (s): start of the span
--          issued (-): lookups that started in it
--          succeeded (-): of these
--          unfinished (-): still going on at the end of the run, or their peer went down
--          success_ratio (-): succeeded / (issued - unfinished)
--          correct_ratio (-): correct / (issued - unfinished)
--          latency_ms_p50 (ms): of those that succeeded
--          latency_ms_p99 (ms): of those that succeeded
--          hops_mean (-): of those that succeeded
-- example: peerlab query trace.db lookups-over-time bucket_s=600
WITH started AS (
  SELECT cast(started_at_ns / (coalesce(:bucket_s, 60) * 1e9) AS INTEGER) AS bucket, outcome, correct,
         CASE WHEN outcome = 'succeeded' THEN hops END AS hops,
         CASE WHEN outcome = 'succeeded' THEN ended_at_ns - started_at_ns END AS latency_ns
  FROM lookup
), ranked AS (
  SELECT *, row_number() OVER (PARTITION BY bucket, latency_ns IS NULL ORDER BY latency_ns) AS rank,
         count(latency_ns) OVER (PARTITION BY bucket) AS good
  FROM started
)
SELECT bucket * coalesce(:bucket_s, 60) AS from_s,
       count(*) AS issued,
       sum(outcome = 'succeeded') AS succeeded,
       sum(outcome = 'unfinished') AS unfinished,
       round(1.0 * sum(outcome = 'succeeded') / nullif(sum(outcome <> 'unfinished'), 0), 4) AS success_ratio,
       round(1.0 * sum(outcome <> 'unfinished' AND correct IS 1) / nullif(sum(outcome <> 'unfinished'), 0), 4)
         AS correct_ratio,
       round(max(latency_ns) FILTER (WHERE rank = (good + 1) / 2) / 1e6, 3) AS latency_ms_p50,
       round(max(latency_ns) FILTER (WHERE rank = (99 * good + 99) / 100) / 1e6, 3) AS latency_ms_p99,
       round(avg(hops), 2) AS hops_mean
FROM ranked
GROUP BY bucket
ORDER BY bucket;
