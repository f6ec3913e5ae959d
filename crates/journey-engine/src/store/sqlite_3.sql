-- When an enrolment ended and when a deal was heard of last, by the wall's clock; and when each lost its
-- details because of its age, null while they are there.
alter table enrolment add column ended_at integer;  -- null while it goes on
alter table enrolment add column details_removed_at integer;
alter table deal add column heard_at integer not null default 0;
alter table deal add column details_removed_at integer;
-- Of what is older than these columns only this is known: it was there now.
update enrolment set ended_at = unixepoch() * 1000000 where status = 'ended';
update deal set heard_at = unixepoch() * 1000000;
create index enrolment_with_details on enrolment (ended_at)
    where ended_at is not null and details_removed_at is null;
create index deal_with_details on deal (heard_at) where details_removed_at is null;
