-- Indexes, built when the run ends. Few: this first one costs .5 us and 15 bytes a message. Whatever asks for the messages
-- of a source instead, or for a span of time, reads the table through, .1 us a message.

-- A delivery by its identity: the causal path of anything, what reached a peer.
CREATE INDEX message_by_target ON message(target, target_seq);
-- An event by its identity.
CREATE INDEX event_by_peer ON event(peer, seq);
-- Lookups of a span of time: fault-impact.
CREATE INDEX lookup_by_start ON lookup(started_at_ns);
-- A broadcast's deliveries, in order.
CREATE INDEX delivery_by_broadcast ON delivery(broadcast, at_ns);
-- A peer's sessions.
CREATE INDEX session_by_peer ON session(peer, incarnation);
