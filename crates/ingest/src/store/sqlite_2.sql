-- What people ask for by id is found by an index, however many deals there are.

-- An account of any tenant.
create index deal_by_account_alone on deal (account);
-- The CRM's own id: what stands behind the last colon. The expression is the query's.
create index deal_by_object on deal (replace(deal, rtrim(deal, replace(deal, ':', '')), ''));
