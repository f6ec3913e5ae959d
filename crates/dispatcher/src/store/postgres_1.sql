-- The dispatcher's tables. Times are microseconds UTC, money minor units. Tables whose rows change leave room
-- in their pages.

-- One row per touchpoint, kept for ever: it recognises a repetition, and a revocation that came first.
create table touchpoint (
    id            uuid  primary key,  -- also the vendor's external id
    shard         int2  not null,     -- of the home key
    home          text  not null,     -- the home key: where its events go
    tenant        text  not null,
    enrolment     text  not null,     -- for explain; empty for a tombstone
    moment        text  not null,     -- for explain; empty for a tombstone
    status        text  not null,     -- waiting, calling, in_doubt, concluded, tombstone
    armed_at      int8,               -- due time of its one timer, exactly as armed
    received_at   int8  not null,     -- wall's clock
    due           bytea not null,     -- TouchpointDue as protobuf; empty for a tombstone
    state_version int8  not null,     -- how to read state
    state         bytea not null,     -- step, money, checks, conclusion; holds the gift's link
    detailed_since int8               -- when it was concluded, by the wall's clock, while its details are there: texts, recipient, requests, the link
) with (fillfactor = 70);
create index touchpoint_with_details on touchpoint (detailed_since) where detailed_since is not null;
create index touchpoint_by_home on touchpoint (home);
create index touchpoint_by_enrolment on touchpoint (enrolment);

-- One row per network call that asks a vendor to act, written before the call.
create table attempt (
    id            uuid  primary key,
    touchpoint    uuid  not null,
    step          text  not null,     -- order, notify
    n             int8  not null,     -- counts the touchpoint's attempts from 1
    state         text  not null,     -- claimed, in_flight, accepted, rejected, unknown, found, not_found, in_doubt, resolved_sent, resolved_not_sent
    vendor        text  not null,
    request       bytea not null,     -- the bytes as stored and sent; personal; the step's newest attempt has them
    mail_from     text,               -- a mail's envelope; personal
    mail_to       text,
    started_at    int8  not null,     -- wall's clock
    recover_after int8  not null,     -- from then on its call is certainly over
    ended_at      int8,
    vendor_id     text  not null,     -- the order's or the mail's id at the vendor
    reason        text  not null      -- without personal data
) with (fillfactor = 70);
create unique index attempt_by_touchpoint on attempt (touchpoint, n);
create index attempt_in_doubt on attempt (started_at) where state = 'in_doubt';

-- One row per deal: whose customer it is, and its part of that customer's budgets. Shared between shards.
create table deal (
    tenant         text  not null,
    connection     text  not null,
    deal           text  not null,
    ledger_version int8  not null,    -- how to read ledger
    ledger         bytea not null,    -- account, rev, what it was merged into, money per year and currency
    primary key (tenant, connection, deal)
) with (fillfactor = 70);

-- Money per account, calendar year and currency; the sums of its deals' ledgers. Shared between shards.
create table budget (
    tenant   text not null,
    account  text not null,
    year     int2 not null,           -- of the journey's clock, UTC
    currency text not null,
    reserved int8 not null,           -- set aside for calls that are not decided
    spent    int8 not null,           -- ordered
    cap      int8 not null,           -- under which money was last set aside
    joined   int8 not null,           -- used when a deal last joined with its money; 0 once set aside under the cap
    primary key (tenant, account, year, currency)
) with (fillfactor = 50);

-- Addresses that get no more mail, by HMAC. Shared between shards.
create table suppression (
    tenant       text  not null,
    address_hmac bytea not null,
    since        int8  not null,
    reason       text  not null,
    primary key (tenant, address_hmac)
);
