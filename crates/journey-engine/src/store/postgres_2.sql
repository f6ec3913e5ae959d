-- What people ask for by id is found by an index, however many customers there are. The expressions are those
-- of the queries.

-- The CRM's own id: what stands behind the last colon.
create index deal_by_object on deal (split_part(deal, ':', -1));
create index enrolment_by_object on enrolment (split_part(deal, ':', -1));
-- The home key without its tenant.
create index deal_by_local on deal (substr(home, strpos(home, '/') + 1));
create index enrolment_by_local on enrolment (substr(home, strpos(home, '/') + 1));
