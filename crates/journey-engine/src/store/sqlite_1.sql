-- The engine's rows. Times are microseconds UTC, ids 16 bytes. Tables with a state are ordinary ones, so
-- that a changed state rewrites one page and no index.

-- Published journeys: immutable, one row per version.
create table definition (
    tenant       text    not null,
    journey      text    not null,  -- the permanent name
    version      integer not null,  -- from 1, counted by publishing
    sha256       blob    not null,  -- over the file and all its texts
    source       text    not null,  -- the journey file
    files        text    not null,  -- its texts by name, a JSON object
    published_at integer not null,  -- by the wall's clock
    primary key (tenant, journey, version)
);

-- What new deals start in; replaced at every start.
create table in_use (
    tenant  text    not null,
    journey text    not null,
    version integer not null,
    primary key (tenant, journey)
) without rowid;

-- Deals as their events tell them.
create table deal (
    deal         text    primary key,  -- tenant/connection/deal
    shard        integer not null,     -- of the home key
    home         text    not null,     -- the key of its events
    rev          integer not null,     -- every event up to this has had its effect
    won_no       integer not null,     -- how often it was won
    standing     text    not null,     -- open, won, lost, deleted, merged
    account      text    not null,     -- the account's key; empty while unknown
    account_name text    not null,
    snapshot     blob    not null,     -- DealSnapshot of the contract, protobuf; holds personal data
    waiting      blob    not null,     -- events that came before an earlier one; empty nearly always
    declined     text                  -- why it got no journey when it was won last
);
create index deal_by_home on deal (home);
create index deal_by_account_name on deal (account_name collate nocase);

-- One deal's run through one journey.
create table enrolment (
    id            blob    primary key,
    shard         integer not null,  -- of the home key
    home          text    not null,  -- frozen: the key of all its events
    deal          text    not null,  -- whose events it follows; a merge changes it
    journey       text    not null,
    version       integer not null,  -- pinned at the start
    status        text    not null,  -- active, closing, ended
    armed_at      integer,           -- the due time of its one timer; null when ended
    state_version integer not null,
    state         blob    not null,  -- opaque here; the journey crate reads it
    counters      text    not null,  -- journey events so far by type, a JSON object
    account       text    not null,  -- as last heard, for look-ups
    account_name  text    not null,
    traceparent   text               -- of the event that started it
);
create unique index enrolment_by_deal on enrolment (deal, journey);
create index enrolment_by_home on enrolment (home);
create index enrolment_by_account on enrolment (account);
create index enrolment_by_account_name on enrolment (account_name collate nocase);

-- How promises ended, one row per occurrence. What is open is in its enrolment's state; programs before had a row
-- of it here, too, without outcome, which is completed when it is closed. Its touchpoint's id follows from the key.
create table obligation (
    enrolment   blob    not null,
    moment      text    not null,
    occurrence  integer not null,  -- from 0
    planned_at  integer not null,
    deadline_at integer not null,
    outcome     text,              -- delivered, late, waived, failed; written once
    reason      text,
    closed_at   integer,           -- by the journey's clock
    primary key (enrolment, moment, occurrence)
) without rowid;

-- On which home keys an account lives.
create table account_link (
    tenant  text not null,
    account text not null,
    home    text not null,
    primary key (tenant, account, home)
) without rowid;
