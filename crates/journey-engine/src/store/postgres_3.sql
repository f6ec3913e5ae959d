-- The deal that an enrolment began with, where a merge has changed `deal` since: the enrolment's id, and those of
-- its touchpoints, are made of it.
alter table enrolment add column began_with text;
