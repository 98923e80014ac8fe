-- How one broadcast spread, hop by hop.
-- parameters: broadcast (broadcast, the first): its id in the table broadcast
-- columns: hops (-): messages on the way from the publisher
--          peers (-): reached with so many
--          reached (-): with so many or fewer
--          reached_share (%): of the peers that ought to get it
--          latency_ms_mean (ms): since it was published
--          latency_ms_max (ms): since it was published
--          duplicates (-): how often it came again to these peers
-- example: peerlab query trace.db broadcast-hops broadcast=1
SELECT d.hops, count(*) AS peers,
       sum(count(*)) OVER (ORDER BY d.hops) AS reached,
       round(100.0 * sum(count(*)) OVER (ORDER BY d.hops) / nullif(b.eligible, 0), 2) AS reached_share,
       round(avg(d.at_ns - b.published_at_ns) / 1e6, 3) AS latency_ms_mean,
       round(max(d.at_ns - b.published_at_ns) / 1e6, 3) AS latency_ms_max,
       sum(d.duplicates) AS duplicates
FROM broadcast b JOIN delivery d ON d.broadcast = b.id
WHERE b.id = coalesce(:broadcast, (SELECT min(id) FROM broadcast))
GROUP BY d.hops
ORDER BY d.hops;
