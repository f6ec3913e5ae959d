-- An enrolment is found through its deals: those that it follows, and the one that it began with where a merge has
-- changed that.
create index enrolment_by_beginning on enrolment (began_with) where began_with is not null;
