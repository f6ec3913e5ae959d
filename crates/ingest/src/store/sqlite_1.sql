-- The resolver's rows. Times are microseconds UTC on the wall, ids 16 bytes.

-- Deals that must be read again: all hints since the last settlement as one row.
create table refresh (
    id          blob    primary key,  -- of tenant, connection and deal; also the timer's owner
    tenant      text    not null,
    connection  text    not null,
    deal        text    not null,     -- the deal's key
    generation  integer not null,     -- rises with every hint
    due_at      integer not null,     -- exactly the armed timer's
    claimed     integer not null,     -- 1 while a fetcher reads it, until due_at
    failures    integer not null,     -- failed reads in a row
    rereads     integer not null,     -- reads that disagreed with the hint
    stage       text,                 -- the newest stage that a hint named
    stage_at    integer,              -- when it is said to have happened
    since       integer not null,     -- when the first of these hints was heard
    traceparent text,                 -- of the newest hint
    problem     text                  -- why the last read failed
) without rowid;

-- Deals as they are known: as published, or as read while nothing was.
create table deal (
    id            blob    primary key,  -- of tenant, connection and deal
    tenant        text    not null,
    connection    text    not null,
    deal          text    not null,     -- the deal's key
    home          text,                 -- frozen when the first event was emitted
    state         text    not null,     -- open, won, lost, deleted
    rev           integer not null,     -- rises with every emitted event
    won_no        integer not null,     -- rises with every win after an emitted end
    account       text,                 -- the account's key, of the snapshot, for lookups
    account_name  text    not null,     -- in small letters, for lookups
    modified_at   integer not null,     -- the newest modified time ever read from the CRM
    leaving_since integer,              -- read as not won any more then, and not published yet
    merged_into   text,                 -- the survivor's key
    read_at       integer not null,
    state_version integer not null,     -- the form of snapshot
    snapshot      blob    not null
) without rowid;
create index deal_by_home on deal (home);
create index deal_by_account on deal (tenant, account);
create index deal_by_account_name on deal (account_name);
create index deal_by_key on deal (deal);
