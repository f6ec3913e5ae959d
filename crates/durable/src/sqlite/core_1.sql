-- The shared pieces of a role's store. Times are microseconds UTC, ids 16 bytes.

-- The low-water mark of each shard on each clock; every shard has its two rows from the start.
create table shard (
    timeline integer not null,  -- 0 wall, 1 journey
    shard    integer not null,  -- 0 to 63
    fired_to integer not null,  -- every timer due before this has fired; moves in steps of ten seconds
    primary key (timeline, shard)
) without rowid;
with recursive n(n) as (select 0 union all select n + 1 from n where n < 63)
insert into shard select t.timeline, n, -9223372036854775808
from n cross join (select 0 as timeline union all select 1) t;

-- Armed waits, one row each. The whole row is its key, so that a page of due ones is one range.
create table timer (
    timeline integer not null,
    shard    integer not null,
    due_at   integer not null,  -- never below the shard's fired_to at the time of arming
    owner    blob    not null,  -- an enrolment, a touchpoint, a hint
    key      integer not null,  -- which of the owner's waits
    primary key (timeline, shard, due_at, owner, key)
) without rowid;

-- Events that have had their effect, for the sources whose repetition no state recognises.
create table inbox (
    event_id blob    not null,
    home     text    not null,  -- the home key concerned
    taken_at integer not null,  -- when the log took it; pruned 45 days later
    primary key (event_id, home)
) without rowid;
create index inbox_by_age on inbox (taken_at);

-- Events on their way to the log, deleted when acknowledged. autoincrement: a number is never given twice.
create table outbox (
    seq     integer primary key autoincrement,
    shard   integer not null,  -- the locked shard, not the key's
    topic   text    not null,
    key     blob    not null,
    headers blob    not null,
    value   blob    not null
);

-- Up to where each consumer group has durably decided.
create table cursor (
    consumer      text    not null,
    topic         text    not null,
    partition     integer not null,
    next_offset   integer not null,
    last_event_id text    not null,  -- of the record before next_offset; empty where it had none
    at            integer not null,
    primary key (consumer, topic, partition)
) without rowid;

-- What could not be used, kept whole.
create table parked (
    id        blob    primary key,  -- identity of where it came from
    reason    text    not null,
    topic     text    not null,
    partition integer not null,
    "offset"  integer not null,
    key       blob    not null,
    headers   blob    not null,
    value     blob    not null,
    attempts  integer not null,
    at        integer not null
);
create index parked_by_age on parked (at);
