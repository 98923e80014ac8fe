-- How long peers stayed up and away, by group. Only spans whose both ends lie within the run are measured.
-- parameters: none
-- columns: group_name (-): of peers
--          sessions (-): up-periods, those cut off by the ends of the run included
--          left (-): ended by leaving
--          crashed (-): ended by a crash
--          session_s_mean (s): length of those that began after the start and ended
--          session_s_p50 (s): their median
--          session_s_p90 (s): their 90th percentile
--          downtimes (-): times away between two up-periods
--          downtime_s_mean (s): length
--          downtime_s_p50 (s): median
--          downtime_s_p90 (s): 90th percentile
-- example: peerlab query trace.db sessions
WITH span AS (
  SELECT p.group_name, s.ending,
         CASE WHEN s.up_at_ns > 0 THEN s.down_at_ns - s.up_at_ns END AS up_ns,
         lead(s.up_at_ns) OVER (PARTITION BY s.peer ORDER BY s.incarnation) - s.down_at_ns AS away_ns
  FROM session s JOIN peer p ON p.peer = s.peer
), ranked AS (
  SELECT *,
         row_number() OVER (PARTITION BY group_name, up_ns IS NULL ORDER BY up_ns) AS up_rank,
         count(up_ns) OVER (PARTITION BY group_name) AS ups,
         row_number() OVER (PARTITION BY group_name, away_ns IS NULL ORDER BY away_ns) AS away_rank,
         count(away_ns) OVER (PARTITION BY group_name) AS aways
  FROM span
)
SELECT group_name, count(*) AS sessions, sum(ending IS 'leave') AS left, sum(ending IS 'crash') AS crashed,
       round(avg(up_ns) / 1e9, 3) AS session_s_mean,
       round(max(up_ns) FILTER (WHERE up_rank = (ups + 1) / 2) / 1e9, 3) AS session_s_p50,
       round(max(up_ns) FILTER (WHERE up_rank = (9 * ups + 9) / 10) / 1e9, 3) AS session_s_p90,
       count(away_ns) AS downtimes,
       round(avg(away_ns) / 1e9, 3) AS downtime_s_mean,
       round(max(away_ns) FILTER (WHERE away_rank = (aways + 1) / 2) / 1e9, 3) AS downtime_s_p50,
       round(max(away_ns) FILTER (WHERE away_rank = (9 * aways + 9) / 10) / 1e9, 3) AS downtime_s_p90
FROM ranked
GROUP BY group_name
ORDER BY group_name;
