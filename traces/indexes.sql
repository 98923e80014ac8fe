-- Indexes, built when the run ends. Few, since each costs about a third of a second and 14 MB a million messages.

-- A delivery by its identity: the causal path of anything, a peer's timeline.
CREATE INDEX message_by_target ON message(target, target_seq);
-- What an event sent: a lookup's messages, a peer's timeline.
CREATE INDEX message_by_cause ON message(source, cause_seq);
-- An event by its identity.
CREATE INDEX event_by_peer ON event(peer, seq);
-- Lookups by when they started: lookups-over-time, fault-impact.
CREATE INDEX lookup_by_start ON lookup(started_at_ns);
-- A broadcast's deliveries.
CREATE INDEX delivery_by_broadcast ON delivery(broadcast, at_ns);
