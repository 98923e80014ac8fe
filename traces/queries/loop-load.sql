-- What the event loop of an emulation did and how late it was, over time. Needs samples recorded in real time.
-- parameters: bucket_s (number > 0, 1): length of a span of time, seconds
-- columns: from_s (s): start of the span
--          turns (-): of the loop
--          waits (-): of these, those that might sleep
--          entries (-): messages, timers and actions dispatched when due
--          descriptor_events (-): descriptors that were ready
--          events_a_turn (-): mean
--          queue_depth (-): entries pending, at most
--          lag_us_p99 (us): dispatch minus due, the worst sample of the span
--          lag_us_max (us): dispatch minus due
--          handler_us_max (us): the longest call of a handler
-- example: peerlab query trace.db loop-load bucket_s=10
SELECT cast(at_ns / (coalesce(:bucket_s, 1) * 1e9) AS INTEGER) * coalesce(:bucket_s, 1) AS from_s,
       cast(sum(value) FILTER (WHERE metric = 'loop.turns') AS INTEGER) AS turns,
       cast(sum(value) FILTER (WHERE metric = 'loop.waits') AS INTEGER) AS waits,
       cast(sum(value) FILTER (WHERE metric = 'loop.entries') AS INTEGER) AS entries,
       cast(sum(value) FILTER (WHERE metric = 'loop.descriptor_events') AS INTEGER) AS descriptor_events,
       round(avg(value) FILTER (WHERE metric = 'loop.events_a_turn'), 2) AS events_a_turn,
       cast(max(value) FILTER (WHERE metric = 'loop.queue_depth') AS INTEGER) AS queue_depth,
       round(max(value) FILTER (WHERE metric = 'loop.lag_us_p99'), 1) AS lag_us_p99,
       round(max(value) FILTER (WHERE metric = 'loop.lag_us_max'), 1) AS lag_us_max,
       round(max(value) FILTER (WHERE metric = 'loop.handler_us_max'), 1) AS handler_us_max
FROM sample
WHERE metric LIKE 'loop.%'
GROUP BY 1
ORDER BY 1;
