-- What people ask for by name or id is found by an index, however many customers there are.

-- The account as last heard. Few deals have none; nobody asks for those by it.
create index deal_by_account on deal (account);
-- The CRM's own id: what stands behind the last colon. The expressions are those of the queries.
create index deal_by_object on deal (replace(deal, rtrim(deal, replace(deal, ':', '')), ''));
create index enrolment_by_object on enrolment (replace(deal, rtrim(deal, replace(deal, ':', '')), ''));
-- The home key without its tenant.
create index deal_by_local on deal (substr(home, instr(home, '/') + 1));
create index enrolment_by_local on enrolment (substr(home, instr(home, '/') + 1));
