-- When it was concluded, by the wall's clock, while its details are there: texts, recipient, requests to
-- vendors, the gift's link. Null while it is open and once they are removed.
alter table touchpoint add column detailed_since integer;
-- Of what was concluded before, only the time of its arrival is known on that clock.
update touchpoint set detailed_since = received_at where status = 'concluded';
create index touchpoint_with_details on touchpoint (detailed_since) where detailed_since is not null;
