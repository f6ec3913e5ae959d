-- The shared pieces of a role's store. Times are microseconds UTC. No foreign key points at shard: it would
-- make each insert lock the row for sharing.

-- One row per shard; locking it is owning the shard's decisions. Updated at most every ten seconds per
-- clock, beside a fill that leaves room for it in the page.
create table shard (
    shard            int2 primary key,                              -- 0 to 63
    fired_to_wall    int8 not null default (-9223372036854775808),  -- every timer on this clock due before has fired
    fired_to_journey int8 not null default (-9223372036854775808)   -- the same on the journey's clock
) with (fillfactor = 50);
insert into shard (shard) select generate_series(0, 63);

-- Armed waits, one row each. The whole row is its key, so that a page of due ones is one range.
create table timer (
    timeline int2 not null,  -- 0 wall, 1 journey
    shard    int2 not null,  -- of the owner
    due_at   int8 not null,  -- never below the shard's fired_to at the time of arming
    owner    uuid not null,  -- an enrolment, a touchpoint, a hint
    key      int4 not null,  -- which of the owner's waits
    primary key (timeline, shard, due_at, owner, key)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Events that have had their effect, for the sources whose repetition no state recognises.
create table inbox (
    event_id uuid not null,
    home     text not null,  -- the home key concerned
    taken_at int8 not null,  -- when the log took it; pruned 45 days later
    primary key (event_id, home)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index inbox_by_age on inbox (taken_at);

-- Events on their way to the log, deleted when acknowledged. Numbers are given one by one, never in
-- advance: under a shard's lock their order is the order of the commits.
create table outbox (
    shard   int2  not null,  -- the locked shard, not the key's
    seq     int8  not null generated always as identity (cache 1),
    topic   text  not null,  -- its name without a prefix
    key     bytea not null,
    headers bytea not null,  -- length-prefixed names and values
    value   bytea not null,
    primary key (shard, seq)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- When the next turn of each rate is that a vendor or a CRM allows. Not logged: a server that crashed gives
-- one burst too many, and no turn waits for the disk.
create unlogged table rate (
    name    text primary key,  -- the account
    next_at int8 not null      -- microseconds UTC on the database's clock
);

-- Up to where each consumer group has durably decided.
create table cursor (
    consumer      text not null,
    topic         text not null,
    partition     int4 not null,
    next_offset   int8 not null,
    last_event_id text not null,  -- of the record before next_offset; empty where it had none
    at            int8 not null,  -- when that was, by the wall's clock
    primary key (consumer, topic, partition)
) with (fillfactor = 50);

-- What could not be used, kept whole.
create table parked (
    id          uuid  primary key,  -- identity of where it came from
    reason      text  not null,     -- why, and what to do
    topic       text  not null,     -- empty for what never was a record
    partition   int4  not null,
    "offset"    int8  not null,     -- -1 for what the log refused
    key         bytea not null,
    headers     bytea not null,
    value       bytea not null,
    attempts    int4  not null,     -- how often it was tried
    at          int8  not null,     -- by the wall's clock
    replayed_at int8              -- when it was put back on its topic; null while it is open
);
create index parked_by_age on parked (at);
