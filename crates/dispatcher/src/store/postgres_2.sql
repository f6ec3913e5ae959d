-- What waits for a person is found by an index: calls in doubt, and gifts that were not handed over.
drop index attempt_in_doubt;
create index attempt_for_a_person on attempt (started_at) where state in ('in_doubt', 'not_handed_over');
