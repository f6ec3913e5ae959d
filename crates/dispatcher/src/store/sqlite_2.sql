-- One budget per customer: a deal's money follows the deal to the account that is its own today.

-- One row per deal: whose customer it is, and its part of that customer's budgets.
create table deal (
    tenant         text    not null,
    connection     text    not null,
    deal           text    not null,
    ledger_version integer not null,    -- how to read ledger
    ledger         blob    not null,    -- account, rev, what it was merged into, money per year and currency
    primary key (tenant, connection, deal)
) without rowid;

-- What was used when a deal last joined with its money; 0 once money was set aside under the cap since then.
alter table budget add column joined integer not null default 0;

-- attempt.state has one more word: claimed, a mail that has certainly not left yet. Of several attempts of
-- one step only the newest keeps the bytes, so the older ones give theirs up.
update attempt set request = x''
where exists (
    select 1 from attempt newer
    where newer.touchpoint = attempt.touchpoint and newer.step = attempt.step and newer.n > attempt.n
);
