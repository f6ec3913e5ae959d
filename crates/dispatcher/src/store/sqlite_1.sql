-- The dispatcher's tables. Times are microseconds UTC, ids 16 bytes, money minor units.

-- One row per touchpoint, kept for ever: it recognises a repetition, and a revocation that came first.
create table touchpoint (
    id            blob    primary key,  -- also the vendor's external id
    shard         integer not null,     -- of the home key
    home          text    not null,     -- the home key: where its events go
    tenant        text    not null,
    enrolment     text    not null,     -- for explain; empty for a tombstone
    moment        text    not null,     -- for explain; empty for a tombstone
    status        text    not null,     -- waiting, calling, in_doubt, concluded, tombstone
    armed_at      integer,              -- due time of its one timer, exactly as armed
    received_at   integer not null,     -- wall's clock
    due           blob    not null,     -- TouchpointDue as protobuf; empty for a tombstone
    state_version integer not null,     -- how to read state
    state         blob    not null      -- step, money, checks, conclusion; holds the gift's link
);
create index touchpoint_by_home on touchpoint (home);
create index touchpoint_by_enrolment on touchpoint (enrolment);

-- One row per network call that asks a vendor to act, written before the call.
create table attempt (
    id            blob    primary key,
    touchpoint    blob    not null,
    step          text    not null,     -- order, notify
    n             integer not null,     -- counts the touchpoint's attempts from 1
    state         text    not null,     -- in_flight, accepted, rejected, unknown, found, not_found, in_doubt, resolved_sent, resolved_not_sent
    vendor        text    not null,
    request       blob    not null,     -- the bytes as stored and sent; personal
    mail_from     text,                 -- a mail's envelope; personal
    mail_to       text,
    started_at    integer not null,     -- wall's clock
    recover_after integer not null,     -- from then on its call is certainly over
    ended_at      integer,
    vendor_id     text    not null,     -- the order's or the mail's id at the vendor
    reason        text    not null      -- without personal data
);
create unique index attempt_by_touchpoint on attempt (touchpoint, n);
create index attempt_in_doubt on attempt (started_at) where state = 'in_doubt';

-- Money per account, calendar year and currency; the sums of the touchpoints' reservations.
create table budget (
    tenant   text    not null,
    account  text    not null,
    year     integer not null,          -- of the journey's clock, UTC
    currency text    not null,
    reserved integer not null,          -- set aside for calls that are not decided
    spent    integer not null,          -- ordered
    cap      integer not null,          -- under which money was last set aside
    primary key (tenant, account, year, currency)
) without rowid;

-- Addresses that get no more mail, by HMAC.
create table suppression (
    tenant       text    not null,
    address_hmac blob    not null,
    since        integer not null,
    reason       text    not null,
    primary key (tenant, address_hmac)
) without rowid;
