-- The engine's rows. Times are microseconds UTC. Tables whose rows change leave room in their pages, so that
-- a changed state stays in its page and no index hears of it.

-- Published journeys: immutable, one row per version.
create table definition (
    tenant       text  not null,
    journey      text  not null,  -- the permanent name
    version      int8  not null,  -- from 1, counted by publishing
    sha256       bytea not null,  -- over the file and all its texts
    source       text  not null,  -- the journey file
    files        text  not null,  -- its texts by name, a JSON object
    published_at int8  not null,  -- by the wall's clock
    primary key (tenant, journey, version)
);

-- What new deals start in; replaced at every start.
create table in_use (
    tenant  text not null,
    journey text not null,
    version int8 not null,
    primary key (tenant, journey)
);

-- Deals as their events tell them.
create table deal (
    deal         text  primary key,  -- tenant/connection/deal
    shard        int2  not null,     -- of the home key
    home         text  not null,     -- the key of its events
    rev          int8  not null,     -- every event up to this has had its effect
    won_no       int4  not null,     -- how often it was won
    standing     text  not null,     -- open, won, lost, deleted, merged
    account      text  not null,     -- the account's key; empty while unknown
    account_name text  not null,
    snapshot     bytea not null,     -- DealSnapshot of the contract, protobuf; holds personal data
    waiting      bytea not null,     -- events that came before an earlier one; empty nearly always
    declined     text,               -- why it got no journey when it was won last
    heard_at     int8  not null,     -- when it was heard of last, by the wall's clock
    details_removed_at int8          -- when its details were removed; null while they are there
) with (fillfactor = 70);
create index deal_with_details on deal (heard_at) where details_removed_at is null;
create index deal_by_home on deal (home);
create index deal_by_account on deal (account);
create index deal_by_account_name on deal (lower(account_name));

-- One deal's run through one journey.
create table enrolment (
    id            uuid  primary key,
    shard         int2  not null,  -- of the home key
    home          text  not null,  -- frozen: the key of all its events
    deal          text  not null,  -- whose events it follows; a merge changes it
    journey       text  not null,
    version       int8  not null,  -- pinned at the start
    status        text  not null,  -- active, closing, ended
    armed_at      int8,            -- the due time of its one timer; null when ended
    state_version int4  not null,
    state         bytea not null,  -- opaque here; the journey crate reads it
    counters      text  not null,  -- journey events so far by type, a JSON object
    account       text  not null,  -- as last heard, for look-ups
    account_name  text  not null,
    traceparent   text,            -- of the event that started it
    ended_at      int8,            -- when it ended, by the wall's clock; null before
    details_removed_at int8        -- when its details were removed; null while they are there
) with (fillfactor = 70);
create index enrolment_with_details on enrolment (ended_at)
    where ended_at is not null and details_removed_at is null;
create unique index enrolment_by_deal on enrolment (deal, journey);
create index enrolment_by_home on enrolment (home);
create index enrolment_by_account on enrolment (account);
create index enrolment_by_account_name on enrolment (lower(account_name));

-- How promises ended, one row per occurrence. What is open is in its enrolment's state; programs before had a row
-- of it here, too, without outcome, which is completed when it is closed. Its touchpoint's id follows from the key.
create table obligation (
    enrolment   uuid not null,
    moment      text not null,
    occurrence  int8 not null,  -- from 0
    planned_at  int8 not null,
    deadline_at int8 not null,
    outcome     text,           -- delivered, late, waived, failed; written once
    reason      text,
    closed_at   int8,           -- by the journey's clock
    primary key (enrolment, moment, occurrence)
) with (fillfactor = 80);

-- On which home keys an account lives.
create table account_link (
    tenant  text not null,
    account text not null,
    home    text not null,
    primary key (tenant, account, home)
);
