-- The resolver's rows. Times are microseconds UTC on the wall. Tables whose rows change leave room in their
-- pages.

-- Deals that must be read again: all hints since the last settlement as one row.
create table refresh (
    id          uuid primary key,  -- of tenant, connection and deal; also the timer's owner
    tenant      text not null,
    connection  text not null,
    deal        text not null,     -- the deal's key
    generation  int8 not null,     -- rises with every hint
    due_at      int8 not null,     -- exactly the armed timer's
    claimed     bool not null,     -- a fetcher reads it, until due_at
    failures    int8 not null,     -- failed reads in a row
    rereads     int8 not null,     -- reads that disagreed with the hint
    stage       text,              -- the newest stage that a hint named
    stage_at    int8,              -- when it is said to have happened
    since       int8 not null,     -- when the first of these hints was heard
    traceparent text,              -- of the newest hint
    problem     text               -- why the last read failed
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- Deals as they are known: as published, or as read while nothing was.
create table deal (
    id            uuid  primary key,  -- of tenant, connection and deal
    tenant        text  not null,
    connection    text  not null,
    deal          text  not null,     -- the deal's key
    home          text,               -- frozen when the first event was emitted
    state         text  not null,     -- open, won, lost, deleted
    rev           int8  not null,     -- rises with every emitted event
    won_no        int4  not null,     -- rises with every win after an emitted end
    account       text,               -- the account's key, of the snapshot, for lookups
    account_name  text  not null,     -- in small letters, for lookups
    modified_at   int8  not null,     -- the newest modified time ever read from the CRM
    leaving_since int8,               -- read as not won any more then, and not published yet
    merged_into   text,               -- the survivor's key
    read_at       int8  not null,
    state_version int4  not null,     -- the form of snapshot
    snapshot      bytea not null      -- JSON of the CRM's snapshot; holds personal data
) with (fillfactor = 70);
create index deal_by_home on deal (home);
create index deal_by_account on deal (account);
create index deal_by_account_name on deal (account_name);
create index deal_by_key on deal (deal);
