-- What this file is.
CREATE TABLE log (
    -- Always 1: there is one row.
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- Random hexadecimal digits; a tail cursor carries them, so that a cursor of another log is refused.
    id TEXT NOT NULL,
    -- Partitions of each topic, fixed for ever: the partition of a key must not change.
    partitions INTEGER NOT NULL
) STRICT;

-- Where each partition starts: what retention has removed, and what offsets go on from when nothing is left.
CREATE TABLE log_start (
    -- The topic's number (src/topic_number.rs).
    topic INTEGER NOT NULL,
    -- The partition, from 0.
    partition INTEGER NOT NULL,
    -- The first offset that may be there; all smaller ones are gone.
    start_offset INTEGER NOT NULL,
    -- taken_at of the last record removed, in microseconds UTC, so that it never falls later; 0 where none was.
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

-- The records.
CREATE TABLE record (
    -- The topic's number (src/topic_number.rs).
    topic INTEGER NOT NULL,
    -- The partition, from the key's shard.
    partition INTEGER NOT NULL,
    -- From 0, without gaps, per topic and partition.
    offset INTEGER NOT NULL,
    -- When the log took it, microseconds UTC; never falls. It stands before the bytes, so that retention
    -- reads it without walking through them.
    taken_at INTEGER NOT NULL,
    -- The record key; empty where a stranger sent none.
    key BLOB NOT NULL,
    -- Header names and values, each with its length in front (afterglow_events::record).
    headers BLOB NOT NULL,
    -- The payload.
    value BLOB NOT NULL,
    PRIMARY KEY (topic, partition, offset)
) STRICT, WITHOUT ROWID;
