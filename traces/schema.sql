-- A peerlab trace, schema version 1 (PRAGMA user_version; PRAGMA application_id is 0x706c6162, "plab").
--
-- Instants are _at_ns, nanoseconds of the scenario's clock, counted from its start; spans are _ns. Peers are indices into
-- `peer`. (peer, seq) is the identity of whatever was dispatched to a peer; seq counts from 1 over all incarnations.
-- cause_seq names the event of the same peer in whose handler something was sent or armed, null when nothing recorded
-- led to it. Rows of one table stand in the order in which they happened; their ids count from 1.

-- What was run and what came out: versions, seed, status (running | complete | interrupted), digest, the summary.
CREATE TABLE run(
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- The scenario as run, first, and each file that it named.
CREATE TABLE input(
  name    TEXT NOT NULL,            -- as the scenario names it
  sha256  TEXT NOT NULL,            -- of content, 64 lower-case hex digits
  content TEXT NOT NULL
);

CREATE TABLE peer(
  peer       INTEGER PRIMARY KEY,   -- index, from 0
  name       TEXT NOT NULL,         -- group and index in it
  group_name TEXT NOT NULL,
  region     TEXT,
  address    TEXT NOT NULL          -- address:port
);

-- One row an up-period, written when it ends (at the end of the run for those that go on).
CREATE TABLE session(
  peer        INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,     -- from 1
  up_at_ns    INTEGER NOT NULL,     -- ns
  down_at_ns  INTEGER,              -- ns; null: up to the end of the run and beyond
  ending      TEXT,                 -- leave | crash; null like down_at_ns
  overlay_id  TEXT                  -- lower-case hex, big-endian
);

CREATE TABLE fate(
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL                -- delivered, in_flight, or why it was dropped
);
CREATE TABLE message_kind(
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL
);
CREATE TABLE event_kind(
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL
);

-- One row a message, written when its fate is known; it arrives at sent_at_ns + queue_ns + delay_ns.
CREATE TABLE message(
  id         INTEGER PRIMARY KEY,
  sent_at_ns INTEGER NOT NULL,      -- ns
  source     INTEGER,               -- peer; null: it came from outside of the plan (a real client)
  cause_seq  INTEGER,               -- (source, cause_seq): the event in which it was sent
  target     INTEGER,               -- peer; null: its address belongs to none
  target_seq INTEGER,               -- (target, target_seq): its delivery; null unless delivered
  kind       INTEGER NOT NULL,      -- of message_kind
  bytes      INTEGER NOT NULL,      -- payload, bytes
  delay_ns   INTEGER,               -- ns on the way; null: dropped at sending
  queue_ns   INTEGER NOT NULL,      -- ns waited for the link
  fate       INTEGER NOT NULL       -- of fate
);

-- Whatever else was dispatched to a peer.
CREATE TABLE event(
  id        INTEGER PRIMARY KEY,
  at_ns     INTEGER NOT NULL,       -- ns
  peer      INTEGER NOT NULL,
  seq       INTEGER,                -- (peer, seq): its identity
  kind      INTEGER NOT NULL,       -- of event_kind
  other     INTEGER,                -- the other peer concerned, if any
  cause_seq INTEGER,                -- (peer, cause_seq): the event in which it was armed or asked for
  detail    INTEGER                 -- by kind
);

CREATE TABLE lookup(
  id            INTEGER PRIMARY KEY,
  peer          INTEGER NOT NULL,   -- the origin
  seq           INTEGER,            -- (peer, seq): the event that started it
  ended_seq     INTEGER,            -- (peer, ended_seq): the event that ended it
  key           TEXT,               -- lower-case hex, big-endian
  started_at_ns INTEGER NOT NULL,   -- ns
  ended_at_ns   INTEGER,            -- ns; null: unfinished
  hops          INTEGER NOT NULL,   -- messages on the path; iterative: the depth at which the owner was found
  messages      INTEGER NOT NULL,   -- sent for it
  timeouts      INTEGER NOT NULL,
  outcome       TEXT NOT NULL,      -- succeeded | failed | unfinished
  correct       INTEGER             -- 1: right among the peers up by plan at its start or end; 0; null: not judged
);

CREATE TABLE broadcast(
  id              INTEGER PRIMARY KEY,
  peer            INTEGER NOT NULL, -- the publisher
  seq             INTEGER,          -- (peer, seq): the event that published it
  topic           INTEGER NOT NULL,
  published_at_ns INTEGER NOT NULL, -- ns
  bytes           INTEGER NOT NULL, -- payload, bytes
  eligible        INTEGER NOT NULL  -- peers that ought to get it
);

-- The first time that a peer got a broadcast.
CREATE TABLE delivery(
  broadcast  INTEGER NOT NULL,
  peer       INTEGER NOT NULL,
  seq        INTEGER,               -- (peer, seq): the event that brought it
  at_ns      INTEGER NOT NULL,      -- ns
  hops       INTEGER NOT NULL,
  duplicates INTEGER NOT NULL       -- how often it came again; final when the run has ended
);

-- A change in whom a peer knows.
CREATE TABLE neighbour(
  at_ns      INTEGER NOT NULL,      -- ns
  peer       INTEGER NOT NULL,
  other      INTEGER NOT NULL,      -- the peer added or removed
  table_name TEXT NOT NULL,         -- which of the overlay's tables
  added      INTEGER NOT NULL       -- 1 added, 0 removed
);

-- Written when it begins.
CREATE TABLE fault(
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL,
  kind          TEXT NOT NULL,
  started_at_ns INTEGER NOT NULL,   -- ns
  ended_at_ns   INTEGER,            -- ns; null: goes on to the end of the run
  detail        TEXT
);
CREATE TABLE fault_peer(            -- whom it struck
  fault INTEGER NOT NULL,
  peer  INTEGER NOT NULL
);

-- What a check found to be untrue.
CREATE TABLE violation(
  at_ns      INTEGER NOT NULL,      -- ns
  check_name TEXT NOT NULL,
  peer       INTEGER,
  detail     TEXT NOT NULL
);

CREATE TABLE log(
  at_ns INTEGER NOT NULL,           -- ns
  peer  INTEGER,                    -- null: of the whole run
  level INTEGER NOT NULL,           -- 0 error, 1 warning, 2 information, 3 detail
  text  TEXT NOT NULL
);

-- An overlay's metrics by peer; without a peer, "loop. ...": an emulation's event loop, since the sample before.
CREATE TABLE sample(
  at_ns  INTEGER NOT NULL,          -- ns
  metric TEXT NOT NULL,
  peer   INTEGER,                   -- null: of the whole run
  value  REAL
);
