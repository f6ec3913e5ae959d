-- When a letter was put back on its topic; null while it is open.
alter table parked add column replayed_at integer;
