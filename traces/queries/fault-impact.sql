-- How lookups fared before, during and after each fault, by when they started.
-- parameters: window_s (number > 0, 300): how long before and after count, seconds
-- columns: fault (-): its name
--          phase (-): before, during, after
--          from_s (s): start of the phase, and so the end of the one before
--          issued (-): lookups that started in it
--          success_ratio (-): succeeded / (issued - unfinished)
--          correct_ratio (-): correct / (issued - unfinished)
--          latency_ms_p50 (ms): of those that succeeded
--          latency_ms_p99 (ms): of those that succeeded
-- example: peerlab query trace.db fault-impact window_s=600
WITH run_end(at_ns) AS (
  SELECT max(coalesce((SELECT cast(value AS INTEGER) FROM run WHERE key = 'duration_ns'), 0),
             coalesce((SELECT max(started_at_ns) + 1 FROM lookup), 0))
), phase AS (
  SELECT id AS fault, 1 AS ordinal, 'before' AS phase,
         max(0, started_at_ns - coalesce(:window_s, 300) * 1e9) AS from_ns, started_at_ns AS until_ns FROM fault
  UNION ALL
  SELECT id, 2, 'during', started_at_ns, coalesce(ended_at_ns, (SELECT at_ns FROM run_end)) FROM fault
  UNION ALL
  SELECT id, 3, 'after', ended_at_ns, min(ended_at_ns + coalesce(:window_s, 300) * 1e9, (SELECT at_ns FROM run_end))
  FROM fault WHERE ended_at_ns < (SELECT at_ns FROM run_end)
), started AS (
  SELECT p.fault, p.ordinal, l.outcome, l.correct,
         CASE WHEN l.outcome = 'succeeded' THEN l.ended_at_ns - l.started_at_ns END AS latency_ns
  FROM phase p CROSS JOIN lookup l ON l.started_at_ns >= p.from_ns AND l.started_at_ns < p.until_ns
), ranked AS (
  SELECT *, row_number() OVER (PARTITION BY fault, ordinal, latency_ns IS NULL ORDER BY latency_ns) AS rank,
         count(latency_ns) OVER (PARTITION BY fault, ordinal) AS good
  FROM started
), figures AS (
  SELECT fault, ordinal, count(*) AS issued, sum(outcome <> 'unfinished') AS judged,
         sum(outcome = 'succeeded') AS succeeded, sum(outcome <> 'unfinished' AND correct IS 1) AS correct,
         max(latency_ns) FILTER (WHERE rank = (good + 1) / 2) AS latency_ns_p50,
         max(latency_ns) FILTER (WHERE rank = (99 * good + 99) / 100) AS latency_ns_p99
  FROM ranked GROUP BY fault, ordinal
)
SELECT f.name AS fault, p.phase, round(p.from_ns / 1e9, 3) AS from_s, coalesce(g.issued, 0) AS issued,
       round(1.0 * g.succeeded / nullif(g.judged, 0), 4) AS success_ratio,
       round(1.0 * g.correct / nullif(g.judged, 0), 4) AS correct_ratio,
       round(g.latency_ns_p50 / 1e6, 3) AS latency_ms_p50,
       round(g.latency_ns_p99 / 1e6, 3) AS latency_ms_p99
FROM phase p
JOIN fault f ON f.id = p.fault
LEFT JOIN figures g ON g.fault = p.fault AND g.ordinal = p.ordinal
ORDER BY f.started_at_ns, f.id, p.ordinal;
