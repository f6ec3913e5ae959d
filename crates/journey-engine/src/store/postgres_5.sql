-- Everything that people ask for is a column of the deal, too; a second index of each made enrolling dearer. A home
-- key is found by its part without the tenant.
drop index enrolment_by_home;
drop index enrolment_by_local;
drop index enrolment_by_account;
drop index enrolment_by_account_name;
drop index enrolment_by_object;
drop index deal_by_home;
